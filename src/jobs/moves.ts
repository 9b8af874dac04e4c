import { type BackoffOptions, backoffDelay } from "../client/backoff.ts";
import { ErrorCode } from "../client/error-code.ts";
import { asKafkaError, type KafkaError, ProtocolError } from "../client/errors.ts";
import type { GroupMember } from "../client/group-member.ts";
import { type CommittedOffset, fetchOffsets, type OffsetToCommit } from "../client/group-offsets.ts";
import type { ProducerRecord, RecordMetadata } from "../client/producer-record.ts";
import { partitionKey } from "../client/topic-partition.ts";
import { TransactionOutcomeUnknownError } from "../client/transaction-errors.ts";
import type { TransactionPool } from "../client/transaction-pool.ts";
import { type Clock, sleep } from "../net/clock.ts";
import { saysFinished } from "./commit-metadata.ts";
import type { CommitSource, CommitTrouble, Committer } from "./committer.ts";

/** A partition whose jobs can be moved out of it. */
export interface MoveSource extends CommitSource {
  /** What to commit where the job at `offset` counts as finished. */
  commitAsFinished(offset: number): OffsetToCommit;
  /** The job at `offset` was moved: no commit that is made from now on may say that it is not finished. */
  moved(offset: number): void;
}

/** What one move means for its partition, besides the records that it writes. */
export interface Move {
  /** What is committed with them. */
  commit(): OffsetToCommit;
  /** It was made. Called in its turn of the chain: before anything else is committed for the partition. */
  moved(): void;
  /** Where nobody says how its transaction ended: whether it was made. Nothing of the partition is open any more. */
  wasMade(committed: CommittedOffset | undefined): boolean | Promise<boolean>;
}

/** How a job is finished by a move, and what is written for that. Asked for in its turn of the chain. */
export interface FinishingMove {
  readonly move: Move;
  records(): readonly ProducerRecord[];
}

/** The move by which the job at `offset` is finished: its mark tells of it. */
export function finishing(source: MoveSource, offset: number): Move {
  return {
    commit: () => source.commitAsFinished(offset),
    moved: () => source.moved(offset),
    wasMade: (committed) => committed !== undefined && saysFinished(committed, offset),
  };
}

export interface MoveOptions {
  /** Is given the place of each record; not called where nobody says them. */
  readonly placed?: ((places: readonly RecordMetadata[]) => void) | undefined;
  /** Whether a failure is thrown, after which nothing was moved. Default: none is, and the move is repeated. */
  readonly isFinal?: ((failure: KafkaError) => boolean) | undefined;
}

const RETRY_BACKOFF: BackoffOptions = { initial: 100, max: 30_000 };
/** What is refused because the group has gone on meanwhile is news from this failure of a move on. */
const TROUBLE = 5;
const OF_REBALANCES: ReadonlySet<number> = new Set([
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.REBALANCE_IN_PROGRESS,
  ErrorCode.STALE_MEMBER_EPOCH,
]);
/** Longest wait (ms) for the verdict on a transaction, each time it is asked for. */
const VERDICT_TIMEOUT = 10_000;

/**
 * Moves jobs out of their partitions (S3.9): the records that stand for a job from then on, and the offset that says it
 * is finished, are one transaction. It takes its turn in the partition's chain of commits. If it aborts it is repeated;
 * if nobody says how it ended, what the group has committed does: until then nothing else is committed for the partition.
 */
export class Moves {
  readonly #group: GroupMember;
  readonly #committer: Committer;
  readonly #clock: Clock;
  readonly #pool: () => TransactionPool;
  readonly #troubled: CommitTrouble;
  readonly #closing = new AbortController();

  /** `troubled` is told of each move that failed and is tried again. */
  constructor(
    group: GroupMember,
    committer: Committer,
    clock: Clock,
    pool: () => TransactionPool,
    troubled: CommitTrouble,
  ) {
    this.#group = group;
    this.#committer = committer;
    this.#clock = clock;
    this.#pool = pool;
    this.#troubled = troubled;
  }

  /** Resolves once the move is made, and the records are there. False: the partition was given up before. */
  async move(
    source: CommitSource,
    move: Move,
    records: () => readonly ProducerRecord[],
    { placed, isFinal }: MoveOptions = {},
  ): Promise<boolean> {
    const { signal } = this.#closing;
    for (let failures = 1; !signal.aborted; failures++) {
      let failure: KafkaError | undefined;
      const hadTurn = await this.#committer.inTurn(source, async () => {
        const commit = move.commit();
        try {
          await this.#try(source, move, commit, records(), placed);
          move.moved();
          return commit;
        } catch (error) {
          failure = asKafkaError(error, "moving a job");
          return undefined;
        }
      });
      if (!hadTurn) return false;
      if (failure === undefined) return true;
      if (isFinal?.(failure)) throw failure;
      if (failures >= TROUBLE || !isOfRebalance(failure)) this.#troubled(failure, source);
      await sleep(this.#clock, backoffDelay(RETRY_BACKOFF, failures, this.#clock), signal).catch(() => {});
    }
    return false;
  }

  /**
   * Makes moves out of several partitions in one transaction, without repeating it: those of partitions that are given up
   * meanwhile are left out. Throws where nothing was moved.
   */
  async moveTogether(parts: readonly (FinishingMove & { readonly source: CommitSource })[]): Promise<void> {
    await this.#committer.inTurns(
      parts.map(({ source }) => source),
      async (left) => {
        const made = parts.filter(({ source }) => left.has(source) && this.#group.owns(source.topic, source.partition));
        const commits = new Map(made.map(({ source, move }) => [source, move.commit()]));
        const records = made.flatMap((part) => part.records());
        if (records.length === 0) return new Map();
        // Of one transaction all is made or nothing is.
        const wasMade = (): Promise<boolean> => this.#wasMade(made[0]!.source, made[0]!.move);
        await this.#send([...commits.values()], records, undefined, wasMade);
        for (const { move } of made) move.moved();
        return commits;
      },
    );
  }

  /** Throws where nothing was moved. */
  #try(
    source: CommitSource,
    move: Move,
    commit: OffsetToCommit,
    records: readonly ProducerRecord[],
    placed: MoveOptions["placed"],
  ): Promise<void> {
    return this.#send([commit], records, placed, () => this.#wasMade(source, move));
  }

  async #send(
    offsets: readonly OffsetToCommit[],
    records: readonly ProducerRecord[],
    placed: MoveOptions["placed"],
    wasMade: () => Promise<boolean>,
  ): Promise<void> {
    const { membership, coordinator } = this.#group;
    const groupMetadata = { groupId: coordinator.key, ...membership };
    try {
      const places = await this.#pool().sendTransaction({ records, offsets: { groupMetadata, offsets } });
      placed?.(places);
    } catch (error) {
      if (error instanceof TransactionOutcomeUnknownError && (await wasMade())) return;
      const cause = (error as { readonly cause?: unknown }).cause;
      // What the refusal means for the membership may end the partition's chain.
      if (cause instanceof ProtocolError) this.#group.refused(cause.errorCode, membership.generationId);
      throw error;
    }
  }

  /** A stable fetch waits until the transaction has ended, one way or the other. */
  async #wasMade(source: CommitSource, move: Move): Promise<boolean> {
    const { signal } = this.#closing;
    for (let failures = 1; ; failures++) {
      try {
        const found = await fetchOffsets(this.#group.coordinator, [source], VERDICT_TIMEOUT, signal);
        return await move.wasMade(found.get(partitionKey(source.topic, source.partition)));
      } catch (error) {
        if (signal.aborted) throw error;
        this.#troubled(asKafkaError(error, "asking whether a job was moved"), source);
        await sleep(this.#clock, backoffDelay(RETRY_BACKOFF, failures, this.#clock), signal);
      }
    }
  }

  /** Repeats nothing any more. */
  close(): void {
    this.#closing.abort();
  }
}

function isOfRebalance({ cause }: KafkaError): boolean {
  return cause instanceof ProtocolError && OF_REBALANCES.has(cause.errorCode);
}
