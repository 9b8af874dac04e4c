import type { KafkaError } from "../client/errors.ts";
import type { ProducerRecord, RecordMetadata } from "../client/producer-record.ts";
import { collectEnqueues, sendTogether } from "./app-transaction.ts";
import type { Attempt } from "./attempt.ts";
import { HandOverLostError } from "./calling-errors.ts";
import type { CommitSource } from "./committer.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { TransactionWork } from "./enqueue-transaction.ts";
import type { FinishingMove, Move, Moves } from "./moves.ts";
import { TOO_LARGE } from "./named-error.ts";
import type { WorkerContext } from "./worker-context.ts";

/** Failures of a transaction that no repetition mends. */
const FINAL: ReadonlySet<string> = new Set([
  ...TOO_LARGE,
  ...(["INVALID_RECORD", "POLICY_VIOLATION"] as const),
  ...(["TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED"] as const),
  ...(["TRANSACTIONAL_ID_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"] as const),
]);

/**
 * `job.transaction` (S3.9): what a running job enqueues, and that the job is finished, count together. The enqueues are
 * collected first, so that no code of a user's runs while the transaction is open.
 */
export async function handOver<T>(
  { app, moves }: WorkerContext,
  source: CommitSource,
  finished: FinishingMove,
  attempt: Attempt,
  work: TransactionWork<T>,
): Promise<T> {
  const { value, enqueues } = await collectEnqueues(app, new Dispatcher(app), work);
  if (attempt.isAborted) throw new HandOverLostError(attempt.job ?? "");
  await sendTogether(app, enqueues, async (records) => {
    const all = (): readonly ProducerRecord[] => [...records, ...finished.records()];
    return (await moveAll(moves, source, finished.move, attempt, all)).slice(0, records.length);
  });
  return value;
}

async function moveAll(
  moves: Moves,
  source: CommitSource,
  move: Move,
  attempt: Attempt,
  records: () => readonly ProducerRecord[],
): Promise<readonly RecordMetadata[]> {
  let places: readonly RecordMetadata[] = [];
  const placed = (given: readonly RecordMetadata[]): void => {
    places = given;
  };
  const isFinal = ({ code }: KafkaError): boolean => FINAL.has(code);
  if (await moves.move(source, move, records, { placed, isFinal })) return places;
  throw new HandOverLostError(attempt.job ?? "");
}
