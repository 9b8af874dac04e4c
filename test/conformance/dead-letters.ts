import assert from "node:assert/strict";
import { type App, createApp } from "../../src/jobs/app.ts";
import { conformanceTest } from "./conformance-test.ts";
import { eventually } from "./eventually.ts";
import type { Target, TestCluster } from "./target.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
/** The least that a worker takes (ms). */
const WORKER_SESSION = 2_500;
const PARTITIONS = 2;
const JOBS = 12;

interface Step {
  readonly partition: number;
  readonly n: number;
}

/** An app whose jobs fail until `isFixed`, and what they did once it is. */
function makeApp(
  cluster: TestCluster,
  { queue, dead, group }: { readonly queue: string; readonly dead: string; readonly group: string },
  ran: Step[],
  isFixed: () => boolean,
): { readonly app: App; enqueue(steps: readonly Step[]): Promise<unknown> } {
  const { brokers, transport } = cluster;
  const queues = { [queue]: { deadLetterQueue: { topic: dead, maxRetries: 0 } } };
  const app = createApp({ kafka: { brokers, transport }, group, logger: silent, queues });
  cluster.onClose(() => app.close());
  const job = app.job<Step>({
    name: "step",
    queue,
    partitionKeyType: "partition",
    partitioner: ({ payload }) => payload.partition,
    perform: (step) => {
      if (!isFixed()) throw new Error(`step ${step.n} is not fixed`);
      ran.push(step);
    },
  });
  return { app, enqueue: (steps) => app.performAllLater(steps.map((step) => job.of(step))) };
}

function heard(app: App, event: "dead" | "completed", count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count;
    app.on(event, () => {
      if (--left === 0) resolve();
    });
  });
}

/** What failed for good, and its way back. */
export function deadLettersConformance(target: Target): void {
  const test = conformanceTest(target);

  test("S4.5 S3.9 dead letters go back once and in order, by two redrives at once, and are listed until then", async (cluster) => {
    const [queue, dead] = [await cluster.topic(PARTITIONS), await cluster.topic(PARTITIONS)];
    const names = { queue, dead, group: cluster.fresh("group") };
    const ran: Step[] = [];
    let isFixed = false;
    const { app, enqueue } = makeApp(cluster, names, ran, () => isFixed);
    const total = PARTITIONS * JOBS;
    const died = heard(app, "dead", total);
    await enqueue(range(total).map((i) => ({ partition: i % PARTITIONS, n: Math.floor(i / PARTITIONS) })));
    const session = Math.max(WORKER_SESSION, cluster.sessionTimeout);
    const worker = await app.work({ sessionTimeout: session, commitInterval: 100 });
    await died;
    await worker.close();

    const letters = await app.dead.list();
    assert.equal(letters.length, total);
    assert.deepEqual(
      [letters[0]!.origin, letters[0]!.error],
      [{ topic: queue, partition: 0, offset: 0 }, "Error: step 0 is not fixed"],
    );
    const second = letters.filter(({ partition }) => partition === 1)[0]!;
    assert.equal((await app.dead.discard({ places: [second] })).discarded, 1);
    assert.equal((await app.dead.redrive({ dryRun: true })).redriven, total - 1);

    const other = makeApp(cluster, names, [], () => true).app;
    const results = await Promise.all([app, other].map((each) => each.dead.redrive({ rate: 50 })));
    assert.deepEqual(
      results.map(({ failures }) => failures),
      [[], []],
    );
    assert.equal(results[0]!.redriven + results[1]!.redriven, total - 1);
    assert.deepEqual(await app.dead.list(), []);
    assert.equal((await app.dead.show(second)).isLeft, false);

    isFixed = true;
    const done = heard(app, "completed", total - 1);
    await app.work({ sessionTimeout: session, commitInterval: 100 });
    await done;
    for (const partition of range(PARTITIONS)) {
      const own = ran.filter((step) => step.partition === partition).map(({ n }) => n);
      assert.deepEqual(own, partition === 1 ? range(JOBS).slice(1) : range(JOBS));
    }
  });

  test("S4.4 a blocked job is skipped from outside once no worker runs", async (cluster) => {
    const [queue, dead] = [await cluster.topic(1), await cluster.topic(1)];
    const { brokers, transport } = cluster;
    const backoff = { initial: 50, max: 50, jitter: 0 };
    const group = cluster.fresh("group");
    const app = createApp({ kafka: { brokers, transport }, group, logger: silent, queues: { [queue]: { backoff } } });
    cluster.onClose(() => app.close());
    const job = app.job<number>({
      name: "fail",
      queue,
      perform: () => {
        throw new Error("never works");
      },
    });
    const blocked = new Promise<void>((resolve) => void app.on("blocked", () => resolve()));
    await job.performLater(1);
    const worker = await app.work({ sessionTimeout: Math.max(WORKER_SESSION, cluster.sessionTimeout) });
    await blocked;
    const place = { topic: queue, partition: 0, offset: 0 };
    // It is told before it is committed.
    await eventually(async () => assert.equal((await app.blocked()).length, 1));
    const outside = createApp({ kafka: { brokers, transport }, group, logger: silent });
    cluster.onClose(() => outside.close());
    await assert.rejects(outside.skip(place), { name: "NotBlockedError", message: /has workers elsewhere/ });
    await worker.close();
    await outside.skip(place, { deadLetter: dead });
    assert.deepEqual(await outside.blocked(), []);
    // Its transaction has ended, which each partition's leader learns in its own time.
    await eventually(async () => {
      const letters = await outside.dead.list({ topic: dead });
      assert.deepEqual(
        letters.map(({ job: name, origin }) => [name, origin]),
        [["fail", { topic: queue, partition: 0, offset: 0 }]],
      );
    });
  });
}
