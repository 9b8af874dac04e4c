import type { AppState } from "./app-state.ts";
import { NewerVersionError } from "./errors.ts";
import type { JobInfo } from "./events.ts";
import type { JobDefinition } from "./job-options.ts";
import { JobRun, type RunFields, type RunHost } from "./job-run.ts";
import { runAround } from "./middleware.ts";
import type { ReceivedJob } from "./received-job.ts";
import { decodePayload } from "./serializer.ts";
import { isPromise, validate } from "./standard-schema.ts";

/** Lets the schema judge a payload as it was read, and performs the job with what comes out, within the middleware. */
export async function performPayload(
  { settings, middleware }: AppState,
  definition: JobDefinition,
  read: unknown,
  fields: RunFields,
  host: RunHost,
): Promise<void> {
  const { schema, name } = definition;
  const payload = schema === undefined ? read : await validate(schema, read, name);
  const run = new JobRun(fields, payload, settings.logger, host);
  if (middleware.perform.length === 0) await definition.perform(payload, run);
  else await runAround(middleware.perform, run, () => definition.perform(payload, run));
}

/** The payload as `perform` would get it. */
export async function readPayload(app: AppState, definition: JobDefinition, job: ReceivedJob): Promise<unknown> {
  const { schema, name } = definition;
  const read = await upgraded(app, definition, job);
  return schema === undefined ? read : validate(schema, read, name);
}

/** As it was enqueued, in the form that the job's present version has. */
function upgraded({ settings }: AppState, { upgrade, version }: JobDefinition, job: ReceivedJob): unknown {
  const read = decodePayload(settings.serializer, job.value, job.isVoid);
  if (upgrade === undefined || job.version >= version) return read;
  return isPromise(read) ? read.then((payload) => upgrade(payload, job.version)) : upgrade(read, job.version);
}

/**
 * One attempt (from 1) at a job from a record. Rejects with whatever fails: an `UnknownJobError`, a `NewerVersionError`,
 * an `UnreadableRecordError`, an `UnreadableHereError`, a `PayloadRefusedError`, or what the job throws.
 */
export async function performReceived(app: AppState, job: ReceivedJob, attempt: number, host: RunHost): Promise<void> {
  const definition = app.registry.get(job.name);
  const { version } = job;
  if (version > definition.version) throw new NewerVersionError(job.name, version, definition.version);
  if (app.contexts.isEmpty) await performRead(app, definition, job, attempt, host);
  else await app.contexts.runReceived(job, () => performRead(app, definition, job, attempt, host));
}

async function performRead(
  app: AppState,
  definition: JobDefinition,
  job: ReceivedJob,
  attempt: number,
  host: RunHost,
): Promise<void> {
  let read = upgraded(app, definition, job);
  if (isPromise(read)) read = await read;
  const { headers, enqueuedAt } = job;
  await performPayload(app, definition, read, { ...jobInfo(job, attempt), headers, enqueuedAt }, host);
}

/** What events tell of an attempt (from 1). */
export function jobInfo(job: ReceivedJob, attempt: number): JobInfo {
  const { id, name, key, topic, partition, offset } = job;
  return { id, name, queue: topic, key, topic, partition, offset, attempt };
}
