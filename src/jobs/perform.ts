import type { AppState } from "./app-state.ts";
import { NewerVersionError } from "./errors.ts";
import type { JobInfo } from "./events.ts";
import type { JobDefinition } from "./job-options.ts";
import { JobRun, type RunFields, type SignalSource } from "./job-run.ts";
import { runAround } from "./middleware.ts";
import type { ReceivedJob } from "./received-job.ts";
import { decodePayload } from "./serializer.ts";
import { validate } from "./standard-schema.ts";

/** Lets the schema judge a payload as it was read, and performs the job with what comes out, within the middleware. */
export async function performPayload(
  { settings, middleware }: AppState,
  definition: JobDefinition,
  read: unknown,
  fields: RunFields,
  signals: SignalSource,
): Promise<void> {
  const { schema, name } = definition;
  const payload = schema === undefined ? read : await validate(schema, read, name);
  const run = new JobRun(fields, payload, settings.logger, signals);
  if (middleware.perform.length === 0) await definition.perform(payload, run);
  else await runAround(middleware.perform, run, () => definition.perform(payload, run));
}

/**
 * One attempt (from 1) at a job from a record. Rejects with whatever fails: an `UnknownJobError`, a `NewerVersionError`,
 * an `UnreadableRecordError`, a `PayloadRefusedError`, or what the job throws.
 */
export async function performReceived(
  app: AppState,
  job: ReceivedJob,
  attempt: number,
  signals: SignalSource,
): Promise<void> {
  const definition = app.registry.get(job.name);
  const { version } = job;
  if (version > definition.version) throw new NewerVersionError(job.name, version, definition.version);
  if (app.contexts.isEmpty) await performRead(app, definition, job, attempt, signals);
  else await app.contexts.runReceived(job, () => performRead(app, definition, job, attempt, signals));
}

async function performRead(
  app: AppState,
  definition: JobDefinition,
  job: ReceivedJob,
  attempt: number,
  signals: SignalSource,
): Promise<void> {
  let read = decodePayload(app.settings.serializer, job.value, job.isVoid);
  const { upgrade, version } = definition;
  if (upgrade !== undefined && job.version < version) read = await upgrade(read, job.version);
  const { headers, enqueuedAt } = job;
  await performPayload(app, definition, read, { ...jobInfo(job, attempt), headers, enqueuedAt }, signals);
}

/** What events tell of an attempt (from 1). */
export function jobInfo(job: ReceivedJob, attempt: number): JobInfo {
  const { id, name, key, topic, partition, offset } = job;
  return { id, name, queue: topic, key, topic, partition, offset, attempt };
}
