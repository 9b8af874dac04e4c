import assert from "node:assert/strict";
import type { ScheduledJob } from "../../src/jobs/dispatched-job.ts";
import { sleep, systemClock } from "../../src/net/clock.ts";
import { conformanceTest, type TestCluster } from "./conformance-test.ts";
import { eventually } from "./eventually.ts";
import { Process, Runs, type Step } from "./job-process.ts";
import type { Target } from "./target.ts";

/** Jobs and messages that wait for their time. */
export function schedulesConformance(target: Target): void {
  const test = conformanceTest(target);

  test("S7.1 S7.2 S8.7 what is scheduled is dispatched once, not early, what is due at one instant in order", async (cluster) => {
    const { first, runs, queue, schedule } = await stage(cluster);
    await first.work();
    const at = new Date(systemClock.now() + 3_000);
    const steps = Array.from({ length: 300 }, (_, n): Step => ({ key: `k${n % 5}`, n: Math.floor(n / 5) }));
    const started: number[] = [];
    runs.onRun = () => void started.push(systemClock.now());
    const jobs = await first.app.performAllLater(steps.map((step) => first.job.set({ waitUntil: at }).of(step)));
    assert.ok(jobs.every((job) => job.state === "scheduled" && job.topic === schedule && job.queue === queue));
    await runs.count(300);
    runs.assertInOrder();
    assert.ok(Math.min(...started) >= at.getTime());
    await isEmpty(first);
    assert.equal(runs.all.length, 300);
  });

  test("S7.5 verdicts on requests are true, whoever asks, and whenever", async (cluster) => {
    const { first, second, runs } = await stage(cluster);
    await first.work();
    const wait = (n: number, ms: number): Promise<ScheduledJob> =>
      first.job.set({ wait: ms }).performLater({ key: `k${n}`, n: 0 }) as Promise<ScheduledJob>;
    const [never, later, past] = [await wait(0, 60_000), await wait(1, 60_000), await wait(2, 3_600_000)];
    assert.equal(await second.app.cancel(never), "cancelled");
    assert.equal(await second.app.cancel(never), "tooLate");
    assert.equal(await second.app.reschedule(never, { wait: 1 }), "tooLate");
    const from = systemClock.now();
    assert.equal(await second.app.reschedule(later, { wait: "1s" }), "rescheduled");
    assert.equal(await first.app.reschedule(past, { waitUntil: from - 1 }), "rescheduled");
    await runs.count(2);
    assert.deepEqual(
      runs.all.map(({ key }) => key),
      ["k2", "k1"],
    );
    assert.ok(systemClock.now() >= from + 1_000);
    const racing = await Promise.all(Array.from({ length: 30 }, (_, i) => wait(10 + i, 700 + 5 * i)));
    await sleep(systemClock, 700);
    const words = await Promise.all(racing.map((job) => second.app.cancel(job)));
    const ran = words.filter((word) => word === "tooLate").length;
    await runs.count(2 + ran);
    await isEmpty(first);
    const keys = new Set(runs.all.map(({ key }) => key));
    for (const [i, word] of words.entries()) assert.equal(keys.has(`k${10 + i}`), word === "tooLate", `${i}: ${word}`);
    assert.equal(runs.all.length, 2 + ran);
  });

  test("S7.1 a message waits and arrives as it was given", async (cluster) => {
    const { first, schedule } = await stage(cluster);
    const topic = await cluster.topic(2);
    await first.work({ queues: [] });
    const key = new Uint8Array([0, 255]);
    const at = systemClock.now() + 800;
    const made = await first.app.schedule({ topic, key, value: null, headers: { a: "1" }, partition: 1, at });
    assert.deepEqual([made.topic, made.target], [schedule, { topic, partition: 1 }]);
    const consumer = cluster.kafka().consumer({ assignment: [{ topic, partition: 1, offset: 0 }] });
    for await (const { records } of consumer) {
      const [record] = records;
      if (record === undefined) continue;
      assert.deepEqual([record.key, record.value, record.headers.length], [key, null, 1]);
      assert.ok(record.timestamp >= at);
      break;
    }
  });

  test("S7.3 S8.7 an owner goes amid what falls due, and the next one dispatches the rest, once", async (cluster) => {
    const { first, second, runs } = await stage(cluster, 2);
    const worker = await first.work();
    // What is past as it is scheduled goes to the queue at once, before what waits: a slow machine has this long for all.
    const from = systemClock.now() + 3_000;
    const steps = Array.from({ length: 400 }, (_, n): Step => ({ key: `k${n % 8}`, n: Math.floor(n / 8) }));
    const jobs = await first.app.performAllLater(
      steps.map((step, i) => first.job.set({ waitUntil: from + 5 * i }).of(step)),
    );
    assert.ok(jobs.every(({ state }) => state === "scheduled"));
    await runs.count(100);
    await second.work();
    await runs.count(200);
    await worker.close();
    await runs.count(400);
    runs.assertInOrder();
    await isEmpty(second);
    assert.equal(runs.all.length, 400);
  });
}

interface Stage {
  readonly first: Process;
  readonly second: Process;
  readonly runs: Runs;
  readonly queue: string;
  readonly schedule: string;
}

/** A queue and a schedule topic, and two processes of one group. */
async function stage(cluster: TestCluster, partitions = 1): Promise<Stage> {
  const [queue, group] = [await cluster.topic(partitions), cluster.fresh("group")];
  const schedule = await cluster.topic(partitions, { "cleanup.policy": "compact" });
  await cluster
    .kafka()
    .admin()
    .createTopics([{ name: cluster.own(`${schedule}-dead`), partitions }]);
  const runs = new Runs();
  const options = { scheduledMessagesTopics: [schedule] };
  const [first, second] = ["first", "second"].map(
    (by) =>
      new Process(cluster, queue, group, (step, job) => runs.add(by, step, job), options, {
        scheduledMessagesTopic: schedule,
      }),
  ) as [Process, Process];
  return { first, second, runs, queue, schedule };
}

function isEmpty({ app }: Process): Promise<void> {
  return eventually(async () => assert.deepEqual(await app.scheduled.list(), []));
}
