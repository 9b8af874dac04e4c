import assert from "node:assert/strict";
import { defaultPartition } from "../../src/client/default-partitioner.ts";
import type { GroupProtocol } from "../../src/client/membership.ts";
import type { EnqueuedJob } from "../../src/jobs/dispatched-job.ts";
import {
  BulkEnqueueError,
  PartitionMismatchError,
  PayloadTooLargeError,
  TopicMissingError,
} from "../../src/jobs/errors.ts";
import type { WorkOptions } from "../../src/jobs/work-options.ts";
import { conformanceTest, type Declare } from "./conformance-test.ts";
import { Process, Runs, type Step } from "./job-process.ts";
import type { Target } from "./target.ts";

/** Jobs, end to end. */
export function jobsConformance(target: Target): void {
  const test = conformanceTest(target);
  for (const groupProtocol of target.groupProtocols) {
    workersConformance((name, run) => test(`${name}, ${groupProtocol} protocol`, run), groupProtocol);
    membersConformance((name, run) => test(`${name}, ${groupProtocol} protocol`, run), groupProtocol);
  }
  killConformance(test);
  enqueueConformance(test);
}

function workersConformance(test: Declare, groupProtocol: GroupProtocol): void {
  test("S8.2 jobs of a key run in order, over three partitions and two workers", async (cluster) => {
    const [queue, group] = [await cluster.topic(3), cluster.fresh("group")];
    const runs = new Runs();
    const processes = ["one", "two"].map(
      (by) => new Process(cluster, queue, group, (step, job) => runs.add(by, step, job)),
    );
    const assigned = processes.map((each) => each.assigned());
    for (const each of processes) await each.work({ groupProtocol });
    await Promise.all(assigned);
    const steps = Array.from({ length: 600 }, (_, i): Step => ({ key: `key-${i % 20}`, n: Math.floor(i / 20) }));
    const { app, job } = processes[0]!;
    await app.performAllLater(steps.map((step) => job.of(step)));
    await runs.count(steps.length);
    runs.assertInOrder();
    assert.deepEqual(new Set(runs.all.map(({ by }) => by)), new Set(["one", "two"]));
    for (const { key, partition } of runs.all) assert.equal(partition, defaultPartition(key, 3));
  });

  test("S4.1 a failed job is tried in place with its attempts counted, by the next owner too", async (cluster) => {
    const [queue, group] = [await cluster.topic(1), cluster.fresh("group")];
    const runs = new Runs();
    const backoff = { initial: 50, max: 50, jitter: 0 };
    const start = (by: string, failures: number): Process =>
      new Process(
        cluster,
        queue,
        group,
        (step, job) => {
          runs.add(by, step, job);
          if (step.n === 0 && job.attempt <= failures) throw new Error("not yet");
        },
        { queues: { [queue]: { backoff } } },
      );
    const first = start("first", 100);
    for (let n = 0; n < 3; n++) await first.job.performLater({ key: "k", n });
    const worker = await first.work({ groupProtocol });
    await runs.count(3);
    await worker.close();
    const before = runs.all.length;
    await start("second", before + 2).work({ groupProtocol });
    await runs.until(() => runs.all.at(-1)!.n === 2);
    assert.deepEqual(
      runs.all.map(({ n, attempt }) => [n, attempt]),
      [...Array.from({ length: before + 3 }, (_, i) => [0, i + 1]), [1, 1], [2, 1]],
    );
    assert.deepEqual(runs.all.map(({ by }) => by).indexOf("second"), before);
  });

  test("S6.4 a worker that closes leaves nothing undone and nothing done twice", async (cluster) => {
    const [queue, group] = [await cluster.topic(2), cluster.fresh("group")];
    const runs = new Runs();
    const processes = ["one", "two"].map(
      (by) => new Process(cluster, queue, group, (step, job) => runs.add(by, step, job)),
    );
    const steps = Array.from({ length: 2000 }, (_, i): Step => ({ key: `key-${i % 10}`, n: Math.floor(i / 10) }));
    await processes[0]!.app.performAllLater(steps.map((step) => processes[0]!.job.of(step)));
    const worker = await processes[0]!.work({ groupProtocol });
    await runs.count(100);
    await worker.close();
    const done = runs.all.length;
    await processes[1]!.work({ groupProtocol });
    await runs.count(steps.length);
    runs.assertInOrder();
    assert.equal(runs.all.filter(({ by }) => by === "two").length, steps.length - done);
  });
}

function membersConformance(test: Declare, groupProtocol: GroupProtocol): void {
  test("S6.3 a static worker that is closed and comes back moves nothing", async (cluster) => {
    const [queue, group] = [await cluster.topic(4), cluster.fresh("group")];
    const runs = new Runs();
    const [other, first, second] = ["other", "first", "second"].map(
      (by) => new Process(cluster, queue, group, (step, job) => runs.add(by, step, job)),
    ) as [Process, Process, Process];
    const session = { groupProtocol, sessionTimeout: "9s" } as const;
    await other.work({ ...session, instanceId: "b" });
    await other.owns(4);
    const worker = await first.work({ ...session, instanceId: "a" });
    await first.owns(2);
    await other.owns(2);
    const before = [...first.owned];
    let moved = 0;
    for (const name of ["assigned", "revoked", "lost"] as const) other.app.on(name, () => void moved++);
    await worker.close();
    await second.work({ ...session, instanceId: "a" });
    await second.owns(2);
    assert.deepEqual([...second.owned].sort(), before.sort());
    const steps = Array.from({ length: 200 }, (_, i): Step => ({ key: `key-${i % 20}`, n: Math.floor(i / 20) }));
    await other.app.performAllLater(steps.map((step) => other.job.of(step)));
    await runs.count(steps.length);
    runs.assertInOrder();
    assert.equal(moved, 0);
  });

  test("S6.5 a worker follows the topics that a pattern matches, and works on new ones", async (cluster) => {
    const [queue, group] = [await cluster.topic(1), cluster.fresh("group")];
    const runs = new Runs();
    const [old, young] = [cluster.ownTopic("tenant"), cluster.ownTopic("tenant")];
    const admin = cluster.kafka().admin();
    const create = (name: string): Promise<void> =>
      admin.createTopics([{ name, partitions: 2, replicationFactor: 1 }]).then(() => {});
    await create(old);
    const match = new RegExp(`^(${old}|${young})$`);
    const process = new Process(cluster, queue, group, (step, job) => runs.add(job.topic, step, job), {
      queuePatterns: [{ match, partitions: 2 }],
    });
    await process.work({ groupProtocol, patternInterval: 200 });
    await process.job.set({ queue: old }).performLater({ key: "k", n: 0 });
    await runs.count(1);
    await create(young);
    await process.job.set({ queue: young }).performLater({ key: "k", n: 1 });
    await runs.count(2);
    await process.job.set({ queue: old }).performLater({ key: "k", n: 2 });
    await runs.count(3);
    assert.deepEqual(
      runs.all.map(({ by, n }) => [by, n]),
      [
        [old, 0],
        [young, 1],
        [old, 2],
      ],
    );
  });
}

/** Under the other protocol, brokers as they are set miss a worker that was killed after 45 s. */
const CLASSIC: WorkOptions = { groupProtocol: "classic" };

function killConformance(test: Declare): void {
  test("S8.5 a killed worker's jobs run on in another, and none is lost", async (cluster) => {
    const [queue, group] = [await cluster.topic(2), cluster.fresh("group")];
    const { transport } = cluster.unreliableKafka();
    const runs = new Runs();
    const dies = new Process(cluster, queue, group, (step, job) => runs.add("dies", step, job), {
      kafka: { brokers: cluster.brokers, transport },
    });
    const lives = new Process(cluster, queue, group, (step, job) => runs.add("lives", step, job));
    const steps = Array.from({ length: 1000 }, (_, i): Step => ({ key: `key-${i % 10}`, n: Math.floor(i / 10) }));
    await lives.app.performAllLater(steps.map((step) => lives.job.of(step)));
    await dies.work(CLASSIC);
    await runs.count(50);
    dies.kill(transport);
    await lives.work(CLASSIC);
    const finished = (): boolean => new Set(runs.all.map(({ key, n }) => `${key} ${n}`)).size === steps.length;
    await runs.until(() => runs.all.at(-1)!.by === "lives" && finished());
    for (const key of new Set(steps.map((step) => step.key))) {
      const own = runs.all.filter((run) => run.key === key && run.by === "lives").map(({ n }) => n);
      assert.deepEqual(
        own,
        Array.from({ length: own.length }, (_, i) => own[0]! + i),
        `order of ${key} in the second worker`,
      );
    }
  });
}

function enqueueConformance(test: Declare): void {
  test("S2.1 an enqueued job is told its place, and runs there", async (cluster) => {
    const [queue, group] = [await cluster.topic(3), cluster.fresh("group")];
    const runs = new Runs();
    const only = new Process(cluster, queue, group, (step, job) => runs.add("only", step, job));
    const done = await only.job.performLater({ key: "k", n: 0 });
    assert.ok(done.state === "enqueued");
    assert.deepEqual([done.topic, done.partition, done.offset], [queue, defaultPartition("k", 3), 0]);
    await only.work();
    await runs.count(1);
    assert.equal(runs.all[0]!.partition, done.partition);
  });

  test("S2.7 topics apply creates what the app names, and a missing topic is an error that says so", async (cluster) => {
    const queue = cluster.ownTopic("queue");
    const options = { queues: { [queue]: { partitions: 4 } } };
    const process = new Process(cluster, queue, cluster.fresh("group"), () => {}, options);
    const { app, job } = process;
    const missing = (error: unknown): boolean =>
      error instanceof TopicMissingError &&
      error.topics.includes(queue) &&
      error.message.includes("ottla topics apply");
    if (!cluster.isInProcess) {
      await assert.rejects(job.performLater({ key: "k", n: 0 }), missing);
      await assert.rejects(process.work(), missing);
    }
    assert.deepEqual(
      (await app.topics.plan()).map(({ topic, action }) => [topic, action]),
      [[queue, "create"]],
    );
    assert.deepEqual(
      (await app.topics.apply()).map(({ action }) => action),
      ["create"],
    );
    assert.deepEqual(
      (await app.topics.apply()).map(({ action }) => action),
      ["none"],
    );
    assert.equal((await cluster.kafka().admin().describeTopics([queue]))[0]!.partitions, 4);
    assert.equal((await job.performLater({ key: "k", n: 0 })).state, "enqueued");
  });

  test("S2.7 a missing topic appears at its first use where the broker is in process, and nowhere else", async (cluster) => {
    const queue = cluster.ownTopic("queue");
    const { job } = new Process(cluster, queue, cluster.fresh("group"), () => {}, {
      queues: { [queue]: { partitions: 4 } },
    });
    await job.performLater({ key: "k", n: 0 }).catch(() => {});
    const [found] = await cluster.kafka().admin().describeTopics([queue]);
    assert.equal(found!.partitions, cluster.isInProcess ? 4 : 0);
  });

  test("S2.7 a topic with another number of partitions than declared is an error", async (cluster) => {
    const queue = await cluster.topic(2);
    const options = { queues: { [queue]: { partitions: 3 } } };
    const process = new Process(cluster, queue, cluster.fresh("group"), () => {}, options);
    const { app, job } = process;
    await assert.rejects(job.performLater({ key: "k", n: 0 }), PartitionMismatchError);
    await assert.rejects(process.work(), PartitionMismatchError);
    assert.deepEqual(
      (await app.topics.plan()).map(({ action }) => action),
      ["mismatch"],
    );
  });

  test("S2.8 a payload that the topic finds too large is an error that names it", async (cluster) => {
    const queue = await cluster.topic(1, { "max.message.bytes": "2000" });
    const { job } = new Process(cluster, queue, cluster.fresh("group"), () => {});
    await assert.rejects(job.performLater({ key: "k".repeat(5000), n: 0 }), PayloadTooLargeError);
    assert.equal((await job.performLater({ key: "k", n: 0 })).state, "enqueued");
  });

  test("S2.5 a bulk enqueue has a result for each job, failed ones too", async (cluster) => {
    const queue = await cluster.topic(3);
    const { app, job } = new Process(cluster, queue, cluster.fresh("group"), () => {});
    const good = await app.performAllLater(Array.from({ length: 50 }, (_, n) => job.of({ key: `k${n % 5}`, n })));
    assert.ok(good.every(({ state }) => state === "enqueued"));
    const mixed = [job.of({ key: "a", n: 1 }), job.of({ key: "", n: 2 }), job.of({ key: "b", n: 3 })];
    await assert.rejects(app.performAllLater(mixed), (error: unknown) => {
      assert.ok(error instanceof BulkEnqueueError);
      assert.deepEqual(
        error.results.map((result) => result instanceof Error),
        [false, true, false],
      );
      return true;
    });
  });
  test("S3.9 jobs of a transaction run once it is committed, those of an aborted one never", async (cluster) => {
    const [queue, group] = [await cluster.topic(3, { "max.message.bytes": "2000" }), cluster.fresh("group")];
    const runs = new Runs();
    const only = new Process(cluster, queue, group, (step, job) => runs.add("only", step, job));
    const { app, job } = only;
    const enqueue = (steps: readonly Step[]): Promise<EnqueuedJob[]> =>
      app.transaction((tx) => Promise.all(steps.map((step) => tx.performLater(job.of(step)))));
    const keys = ["a", "b", "c", "d"];
    const first = await enqueue(keys.map((key) => ({ key, n: 0 })));
    assert.deepEqual(
      first.map(({ partition }) => partition),
      keys.map((key) => defaultPartition(key, 3)),
    );
    assert.ok(first.every(({ offset }) => offset >= 0));
    const refused = [...keys.map((key) => ({ key, n: 100 })), { key: "x".repeat(5000), n: 0 }];
    await assert.rejects(enqueue(refused), PayloadTooLargeError);
    await enqueue(keys.map((key) => ({ key, n: 1 })));
    await job.performLater({ key: "a", n: 2 });
    await only.work();
    await runs.count(9);
    runs.assertInOrder();
  });
}
