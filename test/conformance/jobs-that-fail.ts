import assert from "node:assert/strict";
import { type App, createApp } from "../../src/jobs/app.ts";
import type { Job } from "../../src/jobs/job.ts";
import type { RunningJob } from "../../src/jobs/job-options.ts";
import type { WhenExhausted } from "../../src/jobs/queue-options.ts";
import { conformanceTest } from "./conformance-test.ts";
import { eventually } from "./eventually.ts";
import { readTopic, text } from "./reading.ts";
import type { Target, TestCluster } from "./target.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const backoff = { initial: 20, max: 20, jitter: 0 };

interface Scene {
  readonly app: App;
  readonly job: Job<number>;
  readonly group: string;
  readonly queue: string;
  readonly dead: string;
  /** Resolves once an event has come so often. */
  came(event: "completed" | "dead" | "discarded" | "blocked", times: number): Promise<void>;
}

/** A worker whose job fails, for good, for every payload that is even. */
async function startScene(
  cluster: TestCluster,
  whenExhausted: WhenExhausted,
  perform: (payload: number, job: RunningJob<number>) => void = () => {},
): Promise<Scene> {
  const [queue, dead, group] = [await cluster.topic(1), await cluster.topic(1), cluster.fresh("group")];
  const { brokers, transport } = cluster;
  const deadLetterQueue = { topic: dead };
  const retries = whenExhausted === "skip" ? { maxRetries: 1 } : {};
  const app = createApp({
    ...{ kafka: { brokers, transport }, group, logger: silent },
    queues: { [queue]: { backoff, deadLetterQueue, whenExhausted, ...retries } },
  });
  cluster.onClose(() => app.close());
  const job = app.job<number>({
    ...{ name: "step", queue, partitioner: () => "k" },
    perform: (payload, running) => {
      perform(payload, running);
      if (payload % 2 === 0) throw new TypeError("even");
    },
  });
  const counts = new Map<string, number>();
  const waiting: (() => void)[] = [];
  for (const event of ["completed", "dead", "discarded", "blocked"] as const) {
    app.on(event, () => {
      counts.set(event, (counts.get(event) ?? 0) + 1);
      for (const wake of waiting.splice(0)) wake();
    });
  }
  return {
    ...{ app, job, group, queue, dead },
    async came(event, times) {
      while ((counts.get(event) ?? 0) < times) {
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}

/** What becomes of jobs that fail. */
export function failingJobsConformance(target: Target): void {
  const test = conformanceTest(target);

  test("S4.5 a job that fails for good is a dead letter, once, and the next one runs", async (cluster) => {
    const attempts: number[][] = [];
    const scene = await startScene(cluster, "skip", (payload, { attempt }) => void attempts.push([payload, attempt]));
    await scene.app.performAllLater([0, 1, 2, 3].map((payload) => scene.job.of(payload)));
    await scene.app.work({ commitInterval: 100 });
    await Promise.all([scene.came("completed", 2), scene.came("dead", 2)]);
    assert.deepEqual(attempts, [
      [0, 1],
      [0, 2],
      [1, 1],
      [2, 1],
      [2, 2],
      [3, 1],
    ]);
    const letters = (await readTopic(cluster, scene.dead, 2)).get(0)!;
    const headers = letters.map((letter) =>
      Object.fromEntries(letter.headers.map(([name, value]) => [name, text(value)])),
    );
    assert.deepEqual(
      letters.map(({ key, value }) => [text(key), text(value)]),
      [
        ["k", "0"],
        ["k", "2"],
      ],
    );
    assert.deepEqual(
      headers.map((each) => [each["ottla-job"], each["ottla-origin"], each["ottla-error"]]),
      [
        ["step", `${scene.queue}/0/0`, "TypeError: even"],
        ["step", `${scene.queue}/0/2`, "TypeError: even"],
      ],
    );
  });

  test("S4.4 a job that blocks its partition is told of, found from its group's offsets, and let go", async (cluster) => {
    const scene = await startScene(cluster, "block");
    const other = createApp({
      ...{ kafka: { brokers: cluster.brokers, transport: cluster.transport }, logger: silent },
      group: scene.group,
    });
    cluster.onClose(() => other.close());
    await scene.app.performAllLater([0, 1, 2, 3].map((payload) => scene.job.of(payload)));
    await scene.app.work({ commitInterval: 100 });
    for (const [i, options] of [{}, { deadLetter: scene.dead }].entries()) {
      await scene.came("blocked", i + 1);
      // It is told before it is committed.
      const place = { topic: scene.queue, partition: 0, offset: 2 * i };
      await eventually(async () => {
        const found = await other.blocked();
        assert.deepEqual(
          found.map(({ topic, partition, offset }) => ({ topic, partition, offset })),
          [place],
        );
        assert.ok(found[0]!.attempt >= 3);
      });
      await assert.rejects(other.skip(place), { name: "NotBlockedError" });
      await scene.app.skip(place, options);
    }
    await Promise.all([scene.came("completed", 2), scene.came("discarded", 1), scene.came("dead", 1)]);
    assert.deepEqual(
      (await readTopic(cluster, scene.dead, 1)).get(0)!.map(({ value }) => text(value)),
      ["2"],
    );
  });

  test("S3.9 what a job hands over and that it is finished count together, and it is not run again", async (cluster) => {
    const [queue, next, group] = [await cluster.topic(1), await cluster.topic(1), cluster.fresh("group")];
    const { brokers, transport } = cluster;
    const app = createApp({ kafka: { brokers, transport }, group, logger: silent, queues: { [queue]: { backoff } } });
    cluster.onClose(() => app.close());
    const second = app.job<number>({ name: "next", queue: next, perform: () => {} });
    const runs: number[] = [];
    let finish = (): void => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const first = app.job<number>({
      ...{ name: "first", queue, partitioner: () => "k" },
      async perform(n, job) {
        runs.push(n);
        if (n === 0 && runs.length === 1) throw new Error("before");
        await job.transaction((tx) => tx.performLater(second.of(n)));
        if (n === 3) finish();
        throw new Error("after");
      },
    });
    await app.performAllLater([0, 1, 2, 3].map((n) => first.of(n)));
    const worker = await app.work({ queues: [queue], commitInterval: "1h" });
    await finished;
    const values = (await readTopic(cluster, next, 4)).get(0)!.map(({ value }) => text(value));
    assert.deepEqual(values, ["0", "1", "2", "3"]);
    assert.deepEqual(runs, [0, 0, 1, 2, 3]);
    const [offset] = await cluster.kafka().admin().groupOffsets(group);
    await worker.close();
    // A marker lies behind each transaction, in the topic of the next jobs alone.
    assert.equal(offset!.offset, 4);
  });
}
