import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { TopicSubscription } from "../../src/client/topic-subscription.ts";
import { type BenchOptions, type ClientBench, startClientBench } from "../support/client-bench.ts";

const MAX_AGE = 10_000;

interface Subscribed {
  readonly bench: ClientBench;
  readonly subscription: TopicSubscription;
  /** What it stood for at each change. */
  readonly changes: string[];
  readonly find: () => Promise<void>;
}

async function subscribe(
  t: { after(fn: () => Promise<void>): void },
  topics: readonly (string | RegExp)[],
  options: BenchOptions = {},
): Promise<Subscribed> {
  const bench = await startClientBench(t, { topics: { t: 1, "tenant-a": 1, "tenant-b": 1 }, ...options });
  const changes: string[] = [];
  const stop = new AbortController();
  const subscription: TopicSubscription = new TopicSubscription(bench.kafka.cluster, topics, MAX_AGE, () =>
    changes.push(subscription.topics.join(" ")),
  );
  t.after(async () => stop.abort());
  return { bench, subscription, changes, find: () => bench.run(subscription.find(5_000, stop.signal)) };
}

test("a subscription is the topics that are named and those that patterns match, each once", async (t) => {
  const { subscription, find } = await subscribe(t, ["t", "tenant-a", /^tenant-/, /t$/]);
  await find();
  assert.deepEqual(subscription.topics, ["t", "tenant-a", "tenant-b"]);
});

test("flags that make a RegExp remember where it was do not matter", async (t) => {
  for (const flags of ["g", "y", "gy"]) {
    const { subscription, find } = await subscribe(t, [new RegExp("tenant-", flags)]);
    await find();
    assert.deepEqual([flags, ...subscription.topics], [flags, "tenant-a", "tenant-b"]);
  }
  const { subscription, find } = await subscribe(t, [/^TENANT-/i]);
  await find();
  assert.equal(subscription.topics.length, 2, "others do");
});

test("a topic that is named and missing is an error that names it; a pattern may match nothing yet", async (t) => {
  const { bench, subscription, find } = await subscribe(t, ["t", "no-such-topic"]);
  const error = await bench.failure(find());
  assert.deepEqual([error.code, error.topic], ["UNKNOWN_TOPIC_OR_PARTITION", "no-such-topic"]);
  assert.deepEqual(subscription.topics, ["t", "no-such-topic"]);
  const none = await subscribe(t, [/^none-/]);
  await none.find();
  assert.deepEqual(none.subscription.topics, []);
});

test("a topic that is created is matched, and one that is deleted is not, within the maximal age", async (t) => {
  const { bench, subscription, changes, find } = await subscribe(t, ["t", /^tenant-/]);
  await find();
  await bench.broker.createTopic("tenant-c", { partitions: 1 });
  await bench.broker.createTopic("other", { partitions: 1 });
  await bench.time.advance(MAX_AGE + 100);
  assert.deepEqual(changes, ["t tenant-a tenant-b tenant-c"]);
  await bench.run(bench.kafka.admin().deleteTopics(["tenant-a", "other"]));
  await bench.time.advance(MAX_AGE + 2_000);
  assert.deepEqual(changes.slice(1), ["t tenant-b tenant-c"]);
  await bench.time.advance(10 * MAX_AGE);
  assert.deepEqual([changes.length, subscription.topics.length], [2, 3]);
  assert.equal(bench.kafka.cluster.metadata.topic("tenant-a"), undefined, "and it is asked for no more");
});

test("brokers that do not answer change nothing, and the first look waits for one", async (t) => {
  const { bench, subscription, changes, find } = await subscribe(t, [/^tenant-/]);
  bench.broker.faults.cut({ api: "Metadata", when: "beforeApply" });
  bench.broker.faults.cut({ api: "Metadata", when: "beforeApply" });
  await find();
  assert.equal(subscription.topics.length, 2);
  await bench.broker.faults.stop(1);
  await bench.time.advance(3 * MAX_AGE);
  await bench.broker.faults.start(1);
  await bench.broker.createTopic("tenant-c", { partitions: 1 });
  await bench.time.advance(MAX_AGE + 2_000);
  assert.deepEqual(changes, ["tenant-a tenant-b tenant-c"]);
});

test("an answer that is an error is no list of topics", async (t) => {
  const { bench, subscription, changes, find } = await subscribe(t, [/^tenant-/]);
  bench.broker.faults.fail({ api: "Metadata", errorCode: ErrorCode.LEADER_NOT_AVAILABLE });
  await find();
  assert.deepEqual(subscription.topics, ["tenant-a", "tenant-b"]);
  bench.broker.faults.fail({ api: "Metadata", errorCode: ErrorCode.LEADER_NOT_AVAILABLE, times: 3 });
  await bench.time.advance(2 * MAX_AGE);
  assert.deepEqual(changes, []);
});
