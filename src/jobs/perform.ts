import type { AppState } from "./app-state.ts";
import type { JobInfo } from "./events.ts";
import type { JobDefinition } from "./job-options.ts";
import { JobRun, type RunFields, type SignalSource } from "./job-run.ts";
import type { Logger } from "./logger.ts";
import type { ReceivedJob } from "./received-job.ts";
import { decodePayload } from "./serializer.ts";
import { validate } from "./standard-schema.ts";

/** Lets the schema judge a payload as it was read, and performs the job with what comes out. */
export async function performPayload(
  definition: JobDefinition,
  read: unknown,
  fields: RunFields,
  logger: Logger,
  signals: SignalSource,
): Promise<void> {
  const { schema, name } = definition;
  const payload = schema === undefined ? read : await validate(schema, read, name);
  await definition.perform(payload, new JobRun(fields, payload, logger, signals));
}

/** The payload as `perform` would get it. */
export async function readPayload(app: AppState, definition: JobDefinition, job: ReceivedJob): Promise<unknown> {
  const { schema, name } = definition;
  const read = decodePayload(app.settings.serializer, job.value, job.isVoid);
  return schema === undefined ? read : validate(schema, read, name);
}

/**
 * One attempt (from 1) at a job from a record. Rejects with whatever fails: an `UnknownJobError`, an
 * `UnreadableRecordError`, a `PayloadRefusedError`, or what the job throws.
 */
export async function performReceived(
  app: AppState,
  job: ReceivedJob,
  attempt: number,
  signals: SignalSource,
): Promise<void> {
  const { serializer, logger } = app.settings;
  const definition = app.registry.get(job.name);
  const read = decodePayload(serializer, job.value, job.isVoid);
  const { headers, enqueuedAt } = job;
  await performPayload(definition, read, { ...jobInfo(job, attempt), headers, enqueuedAt }, logger, signals);
}

/** What events tell of an attempt (from 1). */
export function jobInfo(job: ReceivedJob, attempt: number): JobInfo {
  const { id, name, key, topic, partition, offset } = job;
  return { id, name, queue: topic, key, topic, partition, offset, attempt };
}
