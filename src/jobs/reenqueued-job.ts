import type { ProducerRecord } from "../client/producer-record.ts";
import type { AppState } from "./app-state.ts";
import { delayedRecord } from "./delayed-record.ts";
import { requeued } from "./moved-record.ts";
import type { Progress } from "./progress.ts";
import { progressHeaders } from "./progress-record.ts";
import type { JobRecord, ReceivedJob } from "./received-job.ts";
import type { FailureCounts } from "./verdict.ts";

/** What a job takes along that makes room for the others. */
export interface Reenqueued {
  /** Milliseconds. */
  readonly wait: number;
  readonly counts: FailureCounts;
  /** Undefined: what its headers say, if anything. */
  readonly progress: Progress | undefined;
}

/**
 * The record by which a job goes on behind those that are there already, or waits elsewhere where it has to (S4.2, S7.8).
 * Undefined: it has no schedule topic to wait in, or nobody knows at the moment how many partitions that has.
 */
export function reenqueued(
  app: AppState,
  record: JobRecord,
  job: ReceivedJob,
  { wait, counts, progress }: Reenqueued,
): ProducerRecord | undefined {
  const { topic, partition, offset } = job;
  const headers = progress === undefined ? [] : progressHeaders(progress);
  const again = requeued(record, { topic, partition, offset }, counts, headers);
  if (wait <= 0) return again;
  const waitsIn = app.registry.find(job.name)?.scheduledMessagesTopic;
  return waitsIn === undefined ? undefined : delayedRecord(app.slot.use(), again, job.key, waitsIn, wait);
}
