import type { ProducerRecord, RecordMetadata } from "../client/producer-record.ts";
import type { TransactionOffsets } from "../client/transaction.ts";
import { ProducerFencedError, TransactionAbortedError } from "../client/transaction-errors.ts";
import { sleep } from "../net/clock.ts";
import type { Runtime } from "./runtime.ts";

/** Milliseconds before a transaction that was aborted is repeated. */
const REPEAT_AFTER = 100;

/** What one transaction writes. */
export interface TransactionWrites {
  readonly records: readonly ProducerRecord[];
  /** Offsets of groups that count with the records. Asked for anew at each repetition: a rebalance may have changed them. */
  readonly offsets?: (() => readonly TransactionOffsets[]) | undefined;
}

/**
 * Writes records and offsets in one Kafka transaction: begin, send and end in one go, with no code of a user's between.
 * Resolves with the place of each record, in order. One that was aborted, by a failure that may pass or because it was
 * open too long, is repeated for `patience` milliseconds. Rejects with the last failure, after which nothing counts, but
 * for a `TransactionOutcomeUnknownError`: then it may.
 */
export async function sendTransaction(
  runtime: Runtime,
  { records, offsets }: TransactionWrites,
  patience: number,
): Promise<RecordMetadata[]> {
  const { clock } = runtime;
  const deadline = clock.monotonic() + patience;
  for (;;) {
    try {
      return await runtime.transactions.sendTransaction({ records, offsets: offsets?.() });
    } catch (error) {
      if (!mayRepeat(error) || clock.monotonic() >= deadline) throw error;
    }
    await sleep(clock, REPEAT_AFTER);
  }
}

/** Nothing of it counts, and another try may fare better. A producer that was fenced has been replaced in its pool. */
function mayRepeat(error: unknown): boolean {
  return error instanceof ProducerFencedError || (error instanceof TransactionAbortedError && error.retriable);
}
