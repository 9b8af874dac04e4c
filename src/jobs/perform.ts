import type { AppState } from "./app-state.ts";
import { NewerVersionError } from "./errors.ts";
import type { JobInfo } from "./events.ts";
import type { JobDefinition } from "./job-options.ts";
import { JobRun, type RunHost, type RunOrigin } from "./job-run.ts";
import { runAround } from "./middleware.ts";
import type { ReceivedJob } from "./received-job.ts";
import { decodePayload } from "./serializer.ts";
import { isPromise, validate } from "./standard-schema.ts";

/**
 * Lets the schema judge a payload as it was read, and performs the job with what comes out, within the middleware. Gives
 * what is to be awaited, or throws: a promise of its own for each run would be one too many.
 */
export function performPayload(
  { settings, middleware }: AppState,
  definition: JobDefinition,
  read: unknown,
  origin: RunOrigin,
  attempt: number,
  host: RunHost,
): unknown {
  const { schema, name } = definition;
  const perform = (payload: unknown): unknown => {
    const run = new JobRun(origin, attempt, payload, settings.logger, host);
    if (middleware.perform.length === 0) return definition.perform(payload, run);
    return runAround(middleware.perform, run, () => definition.perform(payload, run));
  };
  if (schema === undefined) return perform(read);
  const judged = validate(schema, read, name);
  return isPromise(judged) ? judged.then(perform) : perform(judged);
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
 * One attempt (from 1) at a job from a record: gives what is to be awaited. Throws, or rejects with, whatever fails: an
 * `UnknownJobError`, a `NewerVersionError`, an `UnreadableRecordError`, an `UnreadableHereError`, a `PayloadRefusedError`, or
 * what the job throws.
 */
export function performReceived(app: AppState, job: ReceivedJob, attempt: number, host: RunHost): unknown {
  const definition = app.registry.get(job.name);
  const { version } = job;
  if (version > definition.version) throw new NewerVersionError(job.name, version, definition.version);
  if (app.contexts.isEmpty) return performRead(app, definition, job, attempt, host);
  return app.contexts.runReceived(job, () => performRead(app, definition, job, attempt, host));
}

function performRead(
  app: AppState,
  definition: JobDefinition,
  job: ReceivedJob,
  attempt: number,
  host: RunHost,
): unknown {
  const read = upgraded(app, definition, job);
  if (!isPromise(read)) return performPayload(app, definition, read, job, attempt, host);
  return read.then((payload) => performPayload(app, definition, payload, job, attempt, host));
}

/** What events tell of an attempt (from 1). */
export function jobInfo(job: ReceivedJob, attempt: number): JobInfo {
  const { id, name, key, topic, partition, offset } = job;
  return { id, name, queue: topic, key, topic, partition, offset, attempt };
}
