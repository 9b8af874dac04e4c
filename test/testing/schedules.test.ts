import assert from "node:assert/strict";
import { test } from "node:test";
import { type App, createApp } from "../../src/jobs/app.ts";
import type { ScheduledJob } from "../../src/jobs/dispatched-job.ts";
import type { Job } from "../../src/jobs/job.ts";
import type { JobOptions } from "../../src/jobs/job-options.ts";
import { type TestApp, testApp } from "../../src/testing/test-app.ts";
import type { TestOptions } from "../../src/testing/test-options.ts";
import { QUIET } from "../support/quiet-logger.ts";

interface Payload {
  readonly n: number;
}

interface Bench {
  readonly app: App;
  readonly remind: Job<Payload>;
  readonly kit: TestApp;
}

const START = 1_800_000_000_000;

async function startBench(
  t: { after(fn: () => Promise<void>): void },
  { kit, ...job }: Partial<JobOptions<Payload>> & { readonly kit?: TestOptions } = {},
): Promise<Bench> {
  const app = createApp({ scheduledMessagesTopics: [{ topic: "later", partitions: 3 }], logger: QUIET });
  const remind = app.job<Payload>({
    ...{ name: "remind", queue: "reminders", scheduledMessagesTopic: "later" },
    partitioner: () => "ada",
    perform: () => {},
    ...job,
  });
  const test = await testApp(app, { start: new Date(START), ...kit });
  t.after(() => test.close());
  return { app, remind, kit: test };
}

async function schedule(job: Job<Payload>, n: number, wait: JobOptions<Payload>["timeout"]): Promise<ScheduledJob> {
  const made = await job.set({ wait }).performLater({ n });
  assert.ok(made.state === "scheduled");
  return made;
}

const ran = (kit: TestApp, job: Job<Payload>): number[] => kit.performed(job).map(({ payload }) => payload.n);

test("a scheduled job counts as enqueued from its call on, with when it is due, and drain leaves it waiting", async (t) => {
  const { kit, remind } = await startBench(t);
  const made = await schedule(remind, 1, "5m");
  kit.assertEnqueued(remind, { n: 1 });
  const [seen] = kit.enqueued(remind);
  assert.deepEqual(
    [seen!.dueAt, seen!.id, seen!.queue, seen!.key, seen!.headers, seen!.partition, seen!.offset],
    [made.dueAt, made.id, "reminders", "ada", {}, -1, -1],
  );
  await remind.performLater({ n: 2 });
  await kit.drain();
  kit.assertNotPerformed(remind, { n: 1 });
  assert.deepEqual(ran(kit, remind), [2]);
  assert.ok(kit.now.getTime() < START + 60_000, "no time has passed for it");
  assert.throws(() => kit.assertPerformed(remind, { n: 1 }), /was not performed/);
  assert.throws(() => kit.assertEnqueued(remind, { n: 3 }), /\{"n":1\} scheduled for 2027-01-15T08:05:00/);
});

test("advance runs what falls due meanwhile, at its time, and what that schedules in turn", async (t) => {
  const seen: (readonly [number, number])[] = [];
  let again: Job<Payload> | undefined;
  const { kit, remind } = await startBench(t, {
    perform: async ({ n }) => {
      seen.push([n, kit.now.getTime() - START]);
      if (n < 3) await again!.set({ wait: "2m" }).performLater({ n: n + 1 });
    },
  });
  again = remind;
  const first = await schedule(remind, 1, "5m");
  await kit.advance("4m");
  kit.assertNotPerformed(remind);
  await kit.advance("2m");
  assert.equal(seen.length, 1);
  const due = first.dueAt.getTime() - START;
  assert.ok(seen[0]![1] >= due && seen[0]![1] < due + 1_000, `${seen[0]} for ${due}`);
  await kit.advance("10m");
  assert.deepEqual(
    seen.map(([n]) => n),
    [1, 2, 3],
  );
  kit.assertPerformed(remind, { n: 3 });
});

test("drain runs what is overdue, in the order in which it fell due", async (t) => {
  const { kit, remind } = await startBench(t, { kit: { workers: 1 } });
  for (const [n, wait] of [
    [1, "3m"],
    [2, "1m"],
    [3, "2m"],
    [4, "2h"],
  ] as const)
    await schedule(remind, n, wait);
  // Time that passes while nobody works: the one worker is dead, and missed only after its session.
  await kit.drain();
  await kit.advance("30s");
  kit.crash();
  await kit.advance("5m");
  await kit.drain();
  assert.deepEqual(ran(kit, remind), [2, 3, 1]);
  kit.assertNotPerformed(remind, { n: 4 });
});

test("drain runs what falls due before it is done", async (t) => {
  const { kit, remind } = await startBench(t);
  // Its worker has to join the group first, which takes longer.
  await schedule(remind, 1, "1s");
  await kit.drain();
  const overdue = kit.now.getTime() >= START + 1_000;
  assert.deepEqual(ran(kit, remind), overdue ? [1] : []);
  await schedule(remind, 2, 1);
  await remind.performLater({ n: 3 });
  await kit.drain();
  assert.ok(ran(kit, remind).includes(2) === kit.now.getTime() >= kit.enqueued(remind)[1]!.dueAt!.getTime());
});

test("a scheduled job has its place in the order where it was dispatched, not where it was scheduled", async (t) => {
  const { kit, remind } = await startBench(t);
  await schedule(remind, 1, "1m");
  await remind.performLater({ n: 2 });
  await kit.drain();
  await kit.advance("2m");
  await remind.performLater({ n: 3 });
  await schedule(remind, 5, "1h");
  await kit.drain();
  assert.deepEqual(ran(kit, remind), [2, 1, 3]);
  kit.assertPerformedInOrder(remind, () => "ada");
});

test("what is cancelled or rescheduled is awaited as it is, given to run, or asked for by a job", async (t) => {
  let made: ScheduledJob | undefined;
  const words: string[] = [];
  const { app, kit, remind } = await startBench(t, {
    perform: async ({ n }) => {
      if (n === 0) words.push(await app.cancel(made!));
    },
  });
  const [a, b, c] = [await schedule(remind, 1, "5m"), await schedule(remind, 2, "5m"), await schedule(remind, 3, "5m")];
  made = c;
  assert.equal(await app.cancel(a), "cancelled");
  assert.equal(await kit.run(app.cancel(a)), "tooLate");
  assert.equal(await kit.run(app.reschedule(b, { wait: "20m" })), "rescheduled");
  assert.ok(kit.now.getTime() < START + 20_000, "little time has passed for it");
  await remind.performLater({ n: 0 });
  await kit.drain();
  assert.deepEqual(words, ["cancelled"]);
  await kit.advance("15m");
  assert.deepEqual(ran(kit, remind), [0]);
  await kit.advance("6m");
  assert.deepEqual(ran(kit, remind), [0, 2]);
  kit.assertPerformedInOrder(remind, () => "ada");
});

test("plain messages wait as jobs do, and are none", async (t) => {
  const { app, kit } = await startBench(t);
  const topics = app.job({ name: "other", queue: "events", perform: () => {} });
  await kit.broker.createTopic("mail", { partitions: 1 });
  await app.schedule({ topic: "mail", key: "k", value: "v", at: START + 60_000 });
  assert.deepEqual(kit.enqueued(topics), []);
  await kit.advance("2m");
  const mail = kit.broker.topics().find(({ name }) => name === "mail")!;
  assert.ok(mail.partitions[0]!.logEndOffset > 0);
});

test("a worker that is killed as it dispatches, and one that joins, change nothing of what runs", async (t) => {
  const { kit, remind } = await startBench(t, { kit: { workers: 2 } });
  for (let n = 0; n < 40; n++) await schedule(remind, n, `${60 + n}s`);
  await kit.advance("80s");
  kit.crash();
  await kit.rebalance();
  await kit.advance("2m");
  await kit.drain();
  assert.deepEqual(
    [...new Set(ran(kit, remind))].sort((a, b) => a - b),
    Array.from({ length: 40 }, (_, n) => n),
  );
  kit.assertPerformedInOrder(remind, () => "ada");
});
