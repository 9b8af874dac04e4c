import { ErrorCode } from "../../protocol/errors.ts";
import type { Connection } from "../net/connection.ts";
import { type KafkaError, ProtocolError } from "./errors.ts";
import type { ProducerIdentity } from "./partition-queue.ts";
import { endTransaction, type TransactionStamp } from "./transaction-requests.ts";

/** Answers of a coordinator that has done nothing yet. One that has lost its place may say so after it has. */
const NOT_HEEDED: ReadonlySet<number> = new Set([
  ErrorCode.CONCURRENT_TRANSACTIONS,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
]);

/** How a transaction ended, as far as it can be known, and what its producer may do now. */
export interface TransactionVerdict {
  readonly outcome: "committed" | "aborted" | "unknown";
  /** What was answered instead of what was asked for. */
  readonly cause?: KafkaError | undefined;
  /** next: with the identity that the coordinator gave, or as before. renew: after asking for another. never: fenced, or not allowed. */
  readonly goesOn: "next" | "renew" | "never";
  readonly next?: ProducerIdentity | undefined;
}

/**
 * The end of one transaction, asked for until an answer settles it. Repeating the question is safe: the coordinator
 * knows it again by its epoch. It answers a commit that it has made with success, and one that it has not made and
 * cannot make any more with INVALID_TXN_STATE. Any other refusal of a *repeated* commit leaves it open whether an
 * earlier one was heeded.
 */
export class TransactionEnding {
  readonly #stamp: TransactionStamp;
  #commits: boolean;
  /** It was asked to commit, and no answer has said that it did not. */
  #mayHaveCommitted = false;
  /** Why it is aborted though a commit was wanted. */
  #cause: KafkaError | undefined;

  constructor(stamp: TransactionStamp, commits: boolean) {
    this.#stamp = stamp;
    this.#commits = commits;
  }

  get mayHaveCommitted(): boolean {
    return this.#mayHaveCommitted;
  }

  /** Asks for an abort from now on. */
  abortInstead(cause: KafkaError): void {
    this.#commits = false;
    this.#cause = cause;
  }

  /** Asks once. Throws what may pass. */
  async ask(connection: Connection, timeout: number): Promise<TransactionVerdict> {
    const commits = this.#commits;
    const mayHaveBefore = this.#mayHaveCommitted;
    this.#mayHaveCommitted ||= commits;
    try {
      const next = await endTransaction(connection, this.#stamp, commits, timeout);
      // Under KIP-890 it names the next identity: without one, the present one must not be used again.
      const goesOn = next === undefined && this.#stamp.isImplicit ? "renew" : "next";
      return { outcome: commits ? "committed" : "aborted", cause: this.#cause, goesOn, next };
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      if (!error.retriable || NOT_HEEDED.has(error.errorCode)) this.#mayHaveCommitted = mayHaveBefore;
      if (error.retriable) throw error;
      if (commits && error.errorCode === ErrorCode.TRANSACTION_ABORTABLE) {
        this.abortInstead(error);
        return this.ask(connection, timeout);
      }
      return this.#refused(error, commits);
    }
  }

  #refused(error: ProtocolError, commits: boolean): TransactionVerdict {
    const cause = this.#cause ?? error;
    const outcome = this.#mayHaveCommitted ? "unknown" : "aborted";
    switch (error.errorCode) {
      case ErrorCode.INVALID_TXN_STATE:
        return { outcome: commits ? "aborted" : outcome, cause, goesOn: "renew" };
      case ErrorCode.INVALID_PRODUCER_ID_MAPPING:
      case ErrorCode.TRANSACTION_ABORTABLE:
        return { outcome, cause, goesOn: "renew" };
      default:
        return { outcome, cause: error, goesOn: "never" };
    }
  }
}
