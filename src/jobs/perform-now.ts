import { type Clock, uuidv7 } from "../net/clock.ts";
import type { AppState } from "./app-state.ts";
import { enqueueTogether } from "./app-transaction.ts";
import { Attempt, type AttemptHost } from "./attempt.ts";
import { Dispatcher } from "./dispatcher.ts";
import { isTimed } from "./due-time.ts";
import { EnqueueRun } from "./enqueue-run.ts";
import type { TransactionWork } from "./enqueue-transaction.ts";
import { InvalidOptionError } from "./errors.ts";
import type { JobHeaders } from "./headers.ts";
import type { PreparedCall } from "./job.ts";
import type { EnqueuingJob } from "./job-options.ts";
import { keyText } from "./key.ts";
import type { MiddlewareList } from "./middleware.ts";
import { performPayload } from "./perform.ts";
import { NO_PROGRESS } from "./progress.ts";
import { encodePayload, jsonSerializer, roundTrip } from "./serializer.ts";
import { StepRun } from "./step-run.ts";

/**
 * Runs a job here and now, with the checks of an enqueue, its middleware, and payload and contexts as a worker would
 * read them.
 */
export async function performNow(app: AppState, { definition, settings, payload }: PreparedCall): Promise<void> {
  const { serializer } = app.settings;
  const { clock } = app.slot;
  const { name, partitioner, partitionKeyType, schema } = definition;
  if (isTimed(settings))
    throw new InvalidOptionError(`job "${name}".performNow`, "it runs here and now: leave wait and waitUntil out");
  const queue = settings.queue ?? definition.queue;
  const id = settings.id ?? uuidv7(clock);
  const seen = { id, name, queue, payload, headers: settings.headers ?? {} };
  const key = partitioner === undefined ? undefined : keyText(name, partitionKeyType, partitioner(seen));
  const contexts = app.contexts.headers();
  const encoded = encodePayload(serializer, payload, schema === undefined && serializer === jsonSerializer);
  const value = await encoded.value;
  const headers = await enqueueHeaders(app.middleware, seen);
  const origin = {
    ...{ id, name, key, headers, enqueuedAt: new Date(clock.now()) },
    ...{ topic: queue, partition: -1, offset: -1 },
  };
  const perform = async (): Promise<void> => {
    const read = await roundTrip(serializer, value, encoded.isVoid);
    const handOver = <T>(_attempt: Attempt, work: TransactionWork<T>): Promise<T> =>
      enqueueTogether(app, new Dispatcher(app), work);
    const attempt = new Attempt(-1, clock.monotonic(), { handOver, steps: straightSteps(name, clock) });
    try {
      await performPayload(app, definition, read, origin, 1, attempt);
    } finally {
      attempt.settled(clock.monotonic());
    }
  };
  await (contexts === undefined ? perform() : app.contexts.runCaptured(contexts, perform));
}

/** Steps that run straight through: nobody interrupts them, and nobody keeps where they got to. */
function straightSteps(job: string, clock: Clock): AttemptHost["steps"] {
  const host = {
    job,
    progress: NO_PROGRESS,
    interruption: undefined,
    isStraight: true,
    prepare: () => undefined,
    progressed: () => {},
  };
  return { run: () => new StepRun(host, clock), resumptionsOf: () => 0 };
}

/** The headers that the enqueue middleware leaves the job with. */
async function enqueueHeaders(middleware: MiddlewareList, job: EnqueuingJob): Promise<JobHeaders> {
  if (middleware.enqueue.length === 0) return job.headers;
  const run = new EnqueueRun(middleware, job);
  return run.around(run.headers, (error) => {
    throw error;
  });
}
