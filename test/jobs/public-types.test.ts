import assert from "node:assert/strict";
import type { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import {
  type App,
  type BufferedJob,
  BulkEnqueueError,
  createApp,
  type DispatchedJob,
  type Duration,
  type EnqueuedJob,
  type Job,
  JobError,
  KafkaError,
  lazy,
  type PreparedJob,
  type RecurringJob,
  type RecurringJobStatus,
  type RunningJob,
  type ScheduledJob,
  type ScheduledMessage,
  type StandardSchemaV1,
  type Step,
  type WaitingEntry,
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

export function callings(app: App): void {
  const update = app.job<UpdateUser>({
    ...{ name: "update-user", queue: "users", version: 2 },
    upgrade(payload, from) {
      same<typeof payload, unknown>(true);
      same<typeof from, number>(true);
      return payload as UpdateUser;
    },
    perform: lazy(async () => ({ default: (payload: UpdateUser, job: RunningJob<UpdateUser>) => [payload, job] })),
  });
  void update.set({ id: "order-7" }).performLater({ userId: 7, attributes: {} });
  // @ts-expect-error: an id is text
  update.set({ id: 7 });
  // @ts-expect-error: what was upgraded is the job's input
  app.job<UpdateUser>({ name: "a", queue: "q", version: 2, upgrade: () => ({ userId: 7 }), perform() {} });
  // @ts-expect-error: it performs another payload
  app.job<UpdateUser>({ name: "a", queue: "q", perform: lazy(async () => ({ default: (n: number) => n })) });
  // @ts-expect-error: no default export
  app.job<UpdateUser>({ name: "a", queue: "q", perform: lazy(async () => ({ perform() {} })) });

  const remove: () => void = app.use({
    async enqueue(job, next) {
      job.headers.tenant = "7";
      // @ts-expect-error: the key is decided before, and so is the payload
      job.payload = {};
      await next();
    },
    perform: (job, next) => (job.attempt > 1 ? next() : undefined),
  });
  remove();
  // @ts-expect-error: no such moment
  app.use({ enqeue: () => {} });
}

export async function contexts(app: App, storage: AsyncLocalStorage<{ readonly id: number }>): Promise<void> {
  app.context(storage, { name: "tenant" });
  app.context<number>({ getStore: () => 1, run: (_value, work) => work() }, { name: "number" });
  // @ts-expect-error: without a name nobody could find it again
  app.context(storage);
  // @ts-expect-error: nothing can be run within it
  app.context({ getStore: () => 1 }, { name: "half" });
}

export async function transactions(app: App, prepared: PreparedJob): Promise<void> {
  const value = await app.transaction(async (tx) => {
    const job = await tx.performLater(prepared);
    same<typeof job, EnqueuedJob>(true);
    const later = await tx.schedule(prepared);
    same<typeof later, EnqueuedJob | ScheduledJob>(true);
    return 7;
  });
  same<typeof value, number>(true);
  // @ts-expect-error: a payload is no prepared job
  await app.transaction((tx) => tx.performLater({ userId: 7 }));
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

export async function steps(job: RunningJob): Promise<void> {
  same<typeof job.resumptions, number>(true);
  await job.step("rows", async (step) => {
    same<typeof step, Step<number>>(true);
    same<typeof step.cursor, number | undefined>(true);
    await step.advance({ from: step.cursor ?? 0 });
    await step.set(7);
    await step.checkpoint();
    // @ts-expect-error: its cursor is a number
    await step.set("7");
  });
  await job.step<string>("pages", async (step) => {
    same<typeof step.cursor, string | undefined>(true);
    await step.set("next");
    // @ts-expect-error: only numbers are advanced
    await step.advance({ from: 1 });
  });
  await job.step<{ readonly page: number } | null>("any", async (step) => {
    await step.set({ page: 1 });
    await step.set(null);
  });
  await job.step("last", () => 7, { isolated: true });
  // @ts-expect-error: no such option
  await job.step("last", () => {}, { isolate: true });
  // @ts-expect-error: a cursor is JSON
  await job.step<undefined>("none", () => {});
}

export async function times(app: App, job: Job<UpdateUser>, scheduled: ScheduledJob): Promise<void> {
  same<DispatchedJob, EnqueuedJob | ScheduledJob | BufferedJob>(true);
  same<ScheduledJob["state"], "scheduled">(true);
  same<ScheduledJob["dueAt"], Date>(true);
  same<ScheduledJob["entry"], string>(true);
  const later = await job.set({ wait: "5m" }).performLater({ userId: 7, attributes: {} });
  same<typeof later, DispatchedJob>(true);
  // @ts-expect-error: it may not be scheduled, as where the wait is 0
  void app.cancel(later);
  if (later.state === "scheduled") {
    same<typeof later, ScheduledJob>(true);
    same<Awaited<ReturnType<App["cancel"]>>, "cancelled" | "tooLate">(true);
    same<Awaited<ReturnType<App["reschedule"]>>, "rescheduled" | "tooLate">(true);
    await app.reschedule(later, { waitUntil: new Date("2027-01-01T12:00:00Z") });
    await app.reschedule(later, { wait: 5_000 });
    await app.cancel(later);
  }
  await app.cancel({ topic: scheduled.topic, partition: scheduled.partition, entry: scheduled.entry });
  job.set({ waitUntil: Date.now() });
  // @ts-expect-error: an instant is a Date or a number
  job.set({ waitUntil: "2027-01-01T12:00:00Z" });
  // @ts-expect-error: no such unit
  job.set({ wait: "5 minutes" });
  // @ts-expect-error: a time is needed
  await app.reschedule(scheduled);
  await app.performAllLater([job.set({ wait: "1h" }).of({ userId: 2, attributes: {} })]);
  const message = await app.schedule({ topic: "t", key: "k", value: new Uint8Array(1), at: new Date() });
  same<typeof message, ScheduledMessage>(true);
  await app.cancel(message);
  // @ts-expect-error: it needs its time
  await app.schedule({ topic: "t", value: "v" });
  const [first] = await app.scheduled.list({ topic: "scheduled_jobs", from: new Date(), limit: 10 });
  same<typeof first, WaitingEntry | undefined>(true);
  if (first !== undefined) await app.cancel(first);
}

export async function recurring(app: App, prepared: PreparedJob): Promise<void> {
  const at = { name: "nightly", cron: "0 3 * * *" };
  const nightly = app.recurring({ ...at, timeZone: "Europe/Berlin", job: prepared, missed: "once" });
  same<typeof nightly, RecurringJob>(true);
  same<Awaited<ReturnType<typeof nightly.trigger>>, DispatchedJob>(true);
  await nightly.pause();
  await app.recurringJobs.get("nightly").resume();
  same<Awaited<ReturnType<App["recurringJobs"]["list"]>>, RecurringJobStatus[]>(true);
  // @ts-expect-error: a payload is no prepared job
  app.recurring({ ...at, job: { userId: 0 } });
  // @ts-expect-error: no such policy
  app.recurring({ ...at, job: prepared, missed: "twice" });
  // @ts-expect-error: it has no time
  app.recurring({ name: "nightly", job: prepared });
}

export function waiting(app: App): void {
  createApp({ scheduledMessagesTopics: ["scheduled_jobs", { topic: "reminders", partitions: 3 }] });
  // @ts-expect-error: a list of topics
  createApp({ scheduledMessagesTopics: "scheduled_jobs" });
  const job = { name: "a", queue: "q", partitioner: () => "one", perform: () => {} };
  app.job({ ...job, scheduledMessagesTopic: "scheduled_jobs", resumeOptions: { wait: 0 }, maxResumptions: 3 });
  app.job({ ...job, resumeOptions: { wait: "10s", hold: false } });
  // @ts-expect-error: no such option
  app.job({ ...job, resumeOptions: { holds: true } });
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
  if (job.state === "scheduled") return job.dueAt.getTime();
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
