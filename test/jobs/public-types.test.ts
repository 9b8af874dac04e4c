import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type App,
  BulkEnqueueError,
  createApp,
  type DispatchedJob,
  type Duration,
  type Job,
  JobError,
  KafkaError,
  type PreparedJob,
  type StandardSchemaV1,
} from "../../mod.ts";

// The compiler is the test: every @ts-expect-error is an error where the line below it is accepted. Nothing here runs.

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_same: Same<A, B>): void {}

interface UpdateUser {
  readonly userId: number;
  readonly attributes: Readonly<Record<string, string>>;
  readonly urgent?: boolean;
}

declare const dated: StandardSchemaV1<{ at: string }, { at: Date }>;
declare const maybe: StandardSchemaV1<{ a: number } | undefined, { a: number }>;
declare const nothing: StandardSchemaV1<void, undefined>;

export function payloads(app: App): void {
  const update = app.job<UpdateUser>({
    name: "update-user",
    queue: "users",
    partitioner: (job) => job.payload.userId,
    partitionKeyType: "key",
    producer: (job) => (job.payload.urgent ? app.producer.with({ acks: "all", deliveryTimeout: "30s" }) : app.producer),
    dispatchMethod: "produceSync",
    dispatchManyMethod: undefined,
    async perform(payload, job) {
      same<typeof payload, UpdateUser>(true);
      same<typeof job.payload, UpdateUser>(true);
      same<typeof job.signal, AbortSignal>(true);
      same<typeof job.key, string | undefined>(true);
    },
  });
  same<typeof update, Job<UpdateUser>>(true);
  same<ReturnType<typeof update.performLater>, Promise<DispatchedJob>>(true);
  void update.performLater({ userId: 7, attributes: {} });
  void update.set({ queue: "tenant-7-jobs", headers: { source: "web" } }).performLater({ userId: 7, attributes: {} });
  // @ts-expect-error: it needs a payload
  void update.performLater();
  // @ts-expect-error: the payload lacks attributes
  void update.performLater({ userId: 7 });
  // @ts-expect-error: the payload has a wrong type
  void update.performNow({ userId: "7", attributes: {} });
  // @ts-expect-error: no such setting
  update.set({ qeue: "x" });
  // @ts-expect-error: headers are text
  update.set({ headers: { a: 1 } });

  const tick = app.job({ name: "tick", queue: "q", perform: () => {} });
  same<typeof tick, Job<void>>(true);
  void tick.performLater();
  tick.of();
  // @ts-expect-error: it takes no payload
  void tick.performLater({ a: 1 });

  const inferred = app.job({ name: "inferred", queue: "q", perform(_payload: { a: number }) {} });
  void inferred.performLater({ a: 1 });
  // @ts-expect-error: the payload is that of perform
  void inferred.performLater({ a: "1" });
}

export function schemas(app: App): void {
  const job = app.job({
    name: "dated",
    queue: "q",
    schema: dated,
    partitioner: ({ payload }) => payload.at,
    perform(payload) {
      same<typeof payload, { at: Date }>(true);
    },
  });
  same<typeof job, Job<{ at: string }, { at: Date }>>(true);
  void job.performLater({ at: "2026-01-01" });
  // @ts-expect-error: the input is text
  void job.performLater({ at: new Date(0) });

  const optional = app.job({ name: "maybe", queue: "q", schema: maybe, perform: ({ a }) => a });
  void optional.performLater();
  void optional.performLater({ a: 1 });
  const none = app.job({ name: "nothing", queue: "q", schema: nothing, perform: () => {} });
  void none.performLater();
  // @ts-expect-error: a schema follows Standard Schema
  app.job({ name: "wrong", queue: "q", schema: { parse: () => 1 }, perform: () => {} });
}

export function definitions(app: App): void {
  // @ts-expect-error: no name
  app.job({ queue: "q", perform: () => {} });
  // @ts-expect-error: no perform
  app.job({ name: "a", queue: "q" });
  // @ts-expect-error: a partitioner gives no object
  app.job<{ a: object }>({ name: "a", queue: "q", partitioner: (job) => job.payload.a, perform: () => {} });
  // @ts-expect-error: nor anything that may be undefined
  app.job<{ a?: string }>({ name: "a", queue: "q", partitioner: (job) => job.payload.a, perform: () => {} });
  // @ts-expect-error: nor a promise
  app.job<string>({ name: "a", queue: "q", partitioner: async (job) => job.payload, perform: () => {} });
  const keyed = { name: "a", queue: "q", partitioner: () => "one", perform: () => {} };
  // @ts-expect-error: no such key type
  app.job({ ...keyed, partitionKeyType: "keys" });
}

export async function bulk(app: App, prepared: PreparedJob, many: AsyncIterable<PreparedJob>): Promise<void> {
  same<Awaited<ReturnType<App["performAllLater"]>>, DispatchedJob[]>(true);
  await app.performAllLater([prepared]);
  await app.performAllLater(new Set([prepared]));
  await app.performAllLater(many);
  // @ts-expect-error: a payload is no prepared job
  await app.performAllLater([{ userId: 7 }]);
}

export function results(job: DispatchedJob): number | undefined {
  // @ts-expect-error: a buffered job has no offset
  void job.offset;
  if (job.state === "enqueued") return job.offset;
  same<typeof job.state, "buffered">(true);
  return undefined;
}

export function events(app: App): void {
  const remove: () => void = app.on("started", ({ job }) => same<typeof job.attempt, number>(true));
  remove();
  app.on("error", ({ error }) => same<typeof error, unknown>(true));
  // @ts-expect-error: no such event
  app.on("begun", () => {});
}

export const DURATIONS: readonly Duration[] = [5, "250ms", "5s", "1.5h", "7d"];
// @ts-expect-error: no such unit
export const WEEKS: Duration = "2w";
// @ts-expect-error: no such option
export const OPTION: unknown = (): App => createApp({ kafak: {} });
// @ts-expect-error: partitions are a number
export const PARTITIONS: unknown = (): App => createApp({ queues: { q: { partitions: "3" } } });

test("the entry point gives what the compiler was shown", () => {
  assert.equal(typeof createApp, "function");
  assert.ok(new BulkEnqueueError([]) instanceof JobError);
  assert.ok(KafkaError.prototype instanceof Error);
});
