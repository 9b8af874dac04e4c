import assert from "node:assert/strict";
import { type App, createApp } from "../../src/jobs/app.ts";
import type { Job } from "../../src/jobs/job.ts";
import type { Worker } from "../../src/jobs/worker.ts";
import { conformanceTest } from "./conformance-test.ts";
import type { Target, TestCluster } from "./target.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
/** The least that a worker takes (ms). */
const WORKER_SESSION = 2_500;
const HOUR = 3_600_000;

/** An app in a process of its own, and what became of its jobs: ids, with a star where they were duplicates. */
interface Process {
  readonly app: App;
  readonly keyed: Job<number>;
  readonly keyless: Job<number>;
  readonly ended: readonly string[];
  work(): Promise<Worker>;
  /** Resolves once so many jobs have ended here. */
  has(count: number): Promise<void>;
}

function start(cluster: TestCluster, queue: string, group: string): Process {
  const { brokers, transport, sessionTimeout } = cluster;
  const app = createApp({ kafka: { brokers, transport }, group, logger: silent, queues: { [queue]: { dedupe: {} } } });
  cluster.onClose(() => app.close());
  const ended: string[] = [];
  const waiting: (() => void)[] = [];
  const note = (id: string): void => {
    ended.push(id);
    for (const wake of waiting.splice(0)) wake();
  };
  app.on("completed", ({ job }) => note(job.id));
  app.on("duplicate", ({ job }) => note(`${job.id}*`));
  return {
    ...{ app, ended },
    keyed: app.job<number>({ name: "keyed", queue, partitioner: () => "k", perform: () => {} }),
    keyless: app.job<number>({ name: "keyless", queue, perform: () => {} }),
    work: () => app.work({ sessionTimeout: Math.max(WORKER_SESSION, sessionTimeout), commitInterval: 100 }),
    async has(count) {
      while (ended.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}

/** Jobs that are enqueued again under their ids. */
export function duplicatesConformance(target: Target): void {
  const test = conformanceTest(target);

  test("S2.9 an id is run once within the window, through a change of owners", async (cluster) => {
    const [queue, group] = [await cluster.topic(3), cluster.fresh("group")];
    const first = start(cluster, queue, group);
    const worker = await first.work();
    for (const id of ["a", "b"]) {
      await first.keyed.set({ id }).performLater(1);
      await first.keyed.set({ id }).performLater(2);
      await first.keyless.set({ id: `${id}-keyless` }).performLater(3);
    }
    await first.has(6);
    assert.deepEqual([...first.ended].sort(), ["a", "a*", "a-keyless", "b", "b*", "b-keyless"]);
    await worker.close();

    const second = start(cluster, queue, group);
    await second.app.performAllLater(["a", "c", "b"].map((id) => second.keyed.set({ id }).of(4)));
    await second.app.transaction((tx) => tx.performLater(second.keyless.set({ id: "a-keyless" }).of(5)));
    await second.work();
    await second.has(4);
    assert.deepEqual([...second.ended].sort(), ["a*", "a-keyless*", "b*", "c"]);
    assert.equal(second.ended.indexOf("a*") < second.ended.indexOf("c"), true, "in the order of the log");
  });

  test("S2.9 what lies outside the window, or was aborted, makes no duplicate for a new owner either", async (cluster) => {
    const [queue, group] = [await cluster.topic(1), cluster.fresh("group")];
    const record = (id: string, timestamp = Date.now()) => ({
      ...{ topic: queue, partition: 0, value: "0", timestamp },
      headers: { "ottla-job": "keyless", "ottla-id": id },
    });
    const producer = cluster.kafka().producer();
    await producer.sendMany([record("old", Date.now() - HOUR), record("young", Date.now() - HOUR / 60)]);
    const transaction = await cluster
      .kafka()
      .producer({ transactionalId: cluster.fresh("tx") })
      .begin();
    await transaction.send(record("aborted"));
    await transaction.abort();
    const first = start(cluster, queue, group);
    const worker = await first.work();
    await first.has(2);
    await worker.close();

    const second = start(cluster, queue, group);
    await producer.sendMany(["old", "young", "aborted", "aborted"].map((id) => record(id)));
    await second.work();
    await second.has(4);
    assert.deepEqual(second.ended, ["old", "young*", "aborted", "aborted*"]);
  });

  test("S2.9 the time that a broker gives a record is the one that counts", async (cluster) => {
    const queue = await cluster.topic(1, { "message.timestamp.type": "LogAppendTime" });
    const group = cluster.fresh("group");
    const write = (ids: readonly string[]): Promise<unknown> =>
      cluster
        .kafka()
        .producer()
        .sendMany(
          ids.map((id, i) => ({
            ...{ topic: queue, partition: 0, value: "0", timestamp: Date.now() - i * HOUR },
            headers: { "ottla-job": "keyless", "ottla-id": id },
          })),
        );
    await write(["a", "b"]);
    const first = start(cluster, queue, group);
    const worker = await first.work();
    await first.has(2);
    await worker.close();
    const second = start(cluster, queue, group);
    await write(["c", "b", "a"]);
    await second.work();
    await second.has(3);
    assert.deepEqual(second.ended, ["c", "b*", "a*"]);
  });
}
