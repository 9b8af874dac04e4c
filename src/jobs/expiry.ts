import { afterDiscard } from "./after-discard.ts";
import type { MoveSource } from "./moves.ts";
import { infoOf, type PartitionFailures } from "./partition-failures.ts";
import { readJob } from "./received-job.ts";
import type { BufferedRecord } from "./record-buffer.ts";
import type { WorkerContext } from "./worker-context.ts";
import { JobTooOldError } from "./worker-errors.ts";

/** What ends a job that is too old to start (S3.12). `age`: milliseconds. */
export function endOfTooOld(
  { app, events, queueOf }: WorkerContext,
  source: MoveSource,
  failures: PartitionFailures,
  record: BufferedRecord,
  age: number,
): () => Promise<boolean> {
  const job = readJob(source, record);
  const number = failures.countsOf(record.offset, job).attempt + 1;
  const info = infoOf(source, record, job, number);
  return async () => {
    if (job !== undefined) {
      const error = new JobTooOldError(age, queueOf(source.topic).expire);
      await afterDiscard(app, app.registry.find(job.name), job, number, error);
    }
    if (!events.has("expired")) {
      const { name, id, offset } = info;
      app.settings.logger.info("a job has expired", { job: name, id, offset, age });
    }
    events.emit("expired", { job: info, age });
    return true;
  };
}
