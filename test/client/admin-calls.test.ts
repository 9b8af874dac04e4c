import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { startClientBench } from "../support/client-bench.ts";

const ALWAYS = Number.POSITIVE_INFINITY;

test("what passes is asked for again, and only what is not done yet", async (t) => {
  const bench = await startClientBench(t, { topics: {} });
  const asked: string[][] = [];
  bench.broker.observe(({ api, body }) => {
    if (api === "CreateTopics") asked.push((body as { topics: { name: string }[] }).topics.map(({ name }) => name));
  });
  bench.broker.faults.fail({ api: "CreateTopics", errorCode: ErrorCode.NOT_CONTROLLER, when: "beforeApply" });
  await bench.run(bench.kafka.admin().createTopics([{ name: "a" }, { name: "b" }]));
  assert.deepEqual(asked, [
    ["a", "b"],
    ["a", "b"],
  ]);
  assert.equal(bench.broker.topics().length, 2);
});

test("a call that goes on failing is given up after its timeout, with the broker's own words", async (t) => {
  const bench = await startClientBench(t);
  bench.broker.faults.fail({ api: "DescribeConfigs", errorCode: ErrorCode.REQUEST_TIMED_OUT, times: ALWAYS });
  const before = bench.clock.monotonic();
  const admin = bench.kafka.admin({ timeout: 5_000 });
  const error = await bench.failure(admin.describeConfigs([{ type: "topic", name: "t" }]));
  assert.equal(error.code, "REQUEST_TIMED_OUT");
  const took = bench.clock.monotonic() - before;
  assert.ok(took > 3_000 && took <= 5_000, `after ${took} ms`);
});

test("a topic that is missing is believed to be after a second: brokers may not know of a new one at once", async (t) => {
  const bench = await startClientBench(t);
  const admin = bench.kafka.admin();
  const calls: readonly (() => Promise<unknown>)[] = [
    () => admin.deleteTopics(["missing"]),
    () => admin.createPartitions([{ topic: "missing", count: 3 }]),
    () => admin.describeConfigs([{ type: "topic", name: "missing" }]),
    () => admin.deleteRecords([{ topic: "missing", partition: 0, before: 1 }]),
    () => admin.listOffsets([{ topic: "missing", partition: 0, at: "latest" }]),
  ];
  for (const call of calls) {
    const before = bench.clock.monotonic();
    assert.equal((await bench.failure(call())).code, "UNKNOWN_TOPIC_OR_PARTITION");
    assert.ok(bench.clock.monotonic() - before <= 1_000);
  }
});

test("a refusal that does not pass is not repeated", async (t) => {
  const bench = await startClientBench(t);
  const fault = bench.broker.faults.fail({
    ...{ api: "IncrementalAlterConfigs", errorCode: ErrorCode.POLICY_VIOLATION, times: ALWAYS },
  });
  const change = { type: "topic", name: "t", set: { "retention.ms": "1" } } as const;
  assert.equal((await bench.failure(bench.kafka.admin().alterConfigs([change]))).code, "POLICY_VIOLATION");
  assert.equal(fault.used, 1);
});

test("a leader that moves while records are deleted or offsets are asked for is followed", async (t) => {
  const bench = await startClientBench(t, { broker: { nodes: 3 }, topics: { t: 3 } });
  const admin = bench.kafka.admin();
  const producer = bench.kafka.producer();
  for (const partition of [0, 1, 2]) await bench.run(producer.send({ topic: "t", partition, value: "x" }));
  const moved = (api: string): void => {
    const stop = bench.broker.observe((request) => {
      if (request.api !== api) return;
      stop();
      const { leaderId } = bench.broker.topics()[0]!.partitions[0]!;
      bench.broker.faults.moveLeader("t", 0, (leaderId % 3) + 1);
    });
  };
  moved("ListOffsets");
  const ends = await bench.run(
    admin.listOffsets([0, 1, 2].map((partition) => ({ topic: "t", partition, at: "latest" }) as const)),
  );
  assert.deepEqual(
    ends.map(({ offset }) => offset),
    [1, 1, 1],
  );
  moved("DeleteRecords");
  const deletions = [0, 1, 2].map((partition) => ({ topic: "t", partition, before: 1 }));
  assert.deepEqual(await bench.run(admin.deleteRecords(deletions)), [1, 1, 1]);
});

test("groups are those of all brokers, and one that does not answer is not passed over in silence", async (t) => {
  const bench = await startClientBench(t, { broker: { nodes: 3 } });
  const admin = bench.kafka.admin({ timeout: 3_000 });
  const names = Array.from({ length: 12 }, (_, i) => `group-${i}`);
  const offsets = [{ topic: "t", partition: 0, offset: 1 }];
  for (const name of names) await bench.run(admin.alterGroupOffsets(name, offsets));
  assert.ok(new Set(bench.broker.groups().map(({ coordinatorId }) => coordinatorId)).size > 1);
  assert.deepEqual(
    (await bench.run(admin.listGroups())).map(({ groupId }) => groupId),
    [...names].sort(),
  );
  bench.broker.faults.drop({ api: "ListGroups", node: 2, times: ALWAYS });
  const error = await bench.failure(admin.listGroups());
  assert.equal(error.retriable, true);
});

test("a coordinator that moves is found again", async (t) => {
  const bench = await startClientBench(t, { broker: { nodes: 3 } });
  const admin = bench.kafka.admin();
  await bench.run(admin.alterGroupOffsets("g", [{ topic: "t", partition: 1, offset: 7 }]));
  bench.broker.faults.fail({ api: "OffsetFetch", errorCode: ErrorCode.NOT_COORDINATOR });
  const [offset] = await bench.run(admin.groupOffsets("g"));
  assert.deepEqual([offset!.topic, offset!.partition, offset!.offset], ["t", 1, 7]);
});

test("wrong arguments are refused before anything is asked, and say what is wanted", async (t) => {
  const bench = await startClientBench(t);
  const admin = bench.kafka.admin();
  const refused = async (work: () => Promise<unknown>, message: RegExp): Promise<void> => {
    const error = await bench.failure(Promise.resolve().then(work));
    assert.equal(error.code, "INVALID_ARGUMENT");
    assert.match(error.message, message);
  };
  let requests = 0;
  bench.broker.observe(() => requests++);
  const place = { topic: "t", partition: 0 };
  await refused(() => admin.deleteRecords([{ ...place, before: -1 }]), /before -1: an offset or "end" is wanted/);
  await refused(() => admin.listOffsets([{ ...place, at: { time: Number.NaN } }]), /"earliest", "latest"/);
  await refused(() => admin.alterGroupOffsets("g", [{ ...place, offset: 1.5 }]), /offset 1.5 of t\/0: a whole number/);
  await refused(() => admin.describeConfigs([{ type: "queue" as "topic", name: "t" }]), /one of topic, broker, group/);
  await refused(() => admin.describeConfigs([{ type: "broker", name: "one" }]), /a node id as text is wanted/);
  await refused(
    () =>
      admin.createAcls([{ resourceType: "topic", resourceName: "t", principal: "User:x", operation: "fly" as "read" }]),
    /operation "fly" of an ACL: one of any, all, read/,
  );
  await refused(() => Promise.resolve(bench.kafka.admin({ timeout: 0 })), /timeout is 0/);
  assert.equal(requests, 0);
});

test("a closed client administers nothing, and says so", async (t) => {
  const bench = await startClientBench(t);
  const admin = bench.kafka.admin();
  await bench.run(bench.kafka.close());
  assert.equal((await bench.failure(admin.describeCluster())).code, "CLOSED");
});
