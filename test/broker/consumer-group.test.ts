import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { type ConsumerBench, consumerBench, REBALANCE, SESSION } from "./consumer-bench.ts";

const all = ["id of t/0", "id of t/1", "id of t/2", "id of t/3"];
const sorted = (set: ReadonlySet<string>): string[] => [...set].sort();

function epochs({ group }: ConsumerBench): [state: string, group: number, assignment: number] {
  assert.ok(group.members.kind === "consumer");
  const { roster } = group.members;
  return [roster.state, roster.groupEpoch, roster.assignmentEpoch];
}

describe("a consumer group", () => {
  test("gives everything to a member alone, at once, in epoch 2 as Kafka 4.3", () => {
    const bench = consumerBench();
    const a = bench.member("a");
    assert.equal(a.join(), 0);
    assert.equal(a.epoch, 2);
    assert.deepEqual(sorted(a.owned), all);
    assert.deepEqual(epochs(bench), ["Stable", 2, 2]);
  });

  test("takes from one before it gives to another", () => {
    const bench = consumerBench();
    const [a, b] = [bench.member("a"), bench.member("b")];
    a.join();
    b.join();
    assert.deepEqual([b.epoch, sorted(b.owned)], [3, []], "all is still the first one's");
    assert.deepEqual(epochs(bench), ["Reconciling", 3, 3]);
    a.ask();
    assert.equal(a.epoch, 2, "it stays in its epoch until it has let go");
    assert.equal(a.told!.size, 2);
    b.beat();
    assert.equal(b.owned.size, 0, "it has been told, and has not confirmed");
    a.ask();
    assert.equal(a.epoch, 2, "it says that it still has all");
    a.obey();
    a.beat();
    assert.equal(a.epoch, 3);
    b.beat();
    assert.deepEqual(sorted(new Set([...a.owned, ...b.owned])), all);
    assert.deepEqual([a.owned.size, b.owned.size], [2, 2]);
    assert.deepEqual(epochs(bench), ["Stable", 3, 3]);
  });

  test("says what to have only where that changes, or where the member says everything", () => {
    const bench = consumerBench();
    const a = bench.member("a");
    a.join();
    a.ask({ topicPartitions: null });
    assert.equal(a.told, undefined);
    a.ask({ rebalanceTimeoutMs: REBALANCE, subscribedTopicNames: ["t"] });
    assert.deepEqual(sorted(a.told!), all);
    assert.deepEqual(epochs(bench), ["Stable", 2, 2], "the same topics are no change");
  });

  test("changes nothing where a member says again what is known of it", () => {
    const bench = consumerBench();
    const a = bench.member("a", "i");
    a.join();
    assert.ok(bench.group.members.kind === "consumer");
    const { roster } = bench.group.members;
    const { changes } = roster;
    a.beat();
    a.beat({ rebalanceTimeoutMs: REBALANCE, subscribedTopicNames: ["t"] });
    assert.equal(roster.changes, changes);
  });

  test("gives on what a member had that leaves, falls silent, or is put out", async () => {
    const bench = consumerBench();
    const [a, b, c] = [bench.member("a"), bench.member("b"), bench.member("c")];
    a.join();
    b.join();
    bench.settle(a, b);
    assert.equal(b.leave(), 0);
    assert.equal(epochs(bench)[0], "Assigning");
    a.beat();
    a.beat();
    assert.deepEqual(sorted(a.owned), all);
    c.join();
    bench.settle(a, c);
    await bench.time.advance(SESSION - 1);
    a.beat();
    await bench.time.advance(1);
    bench.settle(a);
    assert.deepEqual(sorted(a.owned), all);
    assert.equal(c.beat(), ErrorCode.UNKNOWN_MEMBER_ID);
    bench.group.members.expire("a");
    assert.equal(epochs(bench)[0], "Empty");
  });

  test("puts a member out that does not give up in time", async () => {
    const bench = consumerBench();
    const [a, b] = [bench.member("a"), bench.member("b")];
    a.join();
    b.join();
    a.ask();
    for (let waited = 0; waited < REBALANCE; waited += 10_000) {
      b.beat();
      assert.equal(a.ask(), 0, "its heartbeats go on");
      assert.equal(b.owned.size, 0);
      await bench.time.advance(10_000);
    }
    assert.equal(a.ask(), ErrorCode.UNKNOWN_MEMBER_ID);
    bench.settle(b);
    assert.deepEqual(sorted(b.owned), all);
  });

  test("fences a member whose epoch it does not know, but for the last one of a lost answer", () => {
    const bench = consumerBench();
    const [a, b] = [bench.member("a"), bench.member("b")];
    a.join();
    b.join();
    bench.settle(a, b);
    assert.equal(a.epoch, 3);
    const fenced = ErrorCode.FENCED_MEMBER_EPOCH;
    assert.equal(a.ask({ memberEpoch: 4 }), fenced);
    assert.equal(a.ask({ memberEpoch: 1 }), fenced);
    assert.equal(a.ask({ memberEpoch: 2, topicPartitions: null }), fenced);
    assert.equal(
      a.ask({ memberEpoch: 2, topicPartitions: [{ topicId: "id of t", partitions: [0, 1, 2, 3] }] }),
      fenced,
    );
    assert.equal(a.ask({ memberEpoch: 2 }), 0);
    assert.equal(a.epoch, 3);
  });

  test("follows topics that are grown, deleted, and made again", () => {
    const bench = consumerBench();
    const a = bench.member("a");
    a.join(["t", "later"]);
    bench.topics.grow("t", 5);
    bench.settle(a);
    assert.deepEqual([a.epoch, a.owned.size], [3, 5]);
    bench.topics.add("later", 1);
    bench.settle(a);
    assert.ok(a.owned.has("id of later/0"));
    bench.topics.add("other", 1);
    bench.settle(a);
    assert.equal(a.epoch, 4, "a topic that nobody wants is no change");
    bench.topics.delete("t");
    bench.settle(a);
    assert.deepEqual(sorted(a.owned), ["id of later/0"]);
    bench.topics.add("t", 1, "id of t again");
    bench.settle(a);
    assert.deepEqual(sorted(a.owned), ["id of later/0", "id of t again/0"]);
  });

  test("follows a regular expression, and refuses what RE2 would", () => {
    const bench = consumerBench();
    bench.topics.add("tenant-1", 1);
    const a = bench.member("a");
    const join = (subscribedTopicRegex: string): number =>
      a.join([], { subscribedTopicNames: null, subscribedTopicRegex });
    assert.equal(join("tenant-("), ErrorCode.INVALID_REGULAR_EXPRESSION);
    assert.equal(bench.group.members.kind, "classic", "a join that fails leaves nothing behind");
    assert.equal(join("tenant-.*"), 0);
    assert.deepEqual(sorted(a.owned), ["id of tenant-1/0"]);
    bench.topics.add("tenant-2", 1);
    bench.topics.add("not tenant-3", 1);
    bench.settle(a);
    assert.deepEqual(sorted(a.owned), ["id of tenant-1/0", "id of tenant-2/0"]);
    bench.topics.delete("tenant-1");
    bench.settle(a);
    assert.deepEqual(sorted(a.owned), ["id of tenant-2/0"]);
    assert.equal(a.beat({ subscribedTopicRegex: "a(?=b)" }), ErrorCode.INVALID_REGULAR_EXPRESSION);
    assert.equal(a.beat({ subscribedTopicRegex: "", subscribedTopicNames: ["t"] }), 0);
    bench.settle(a);
    assert.deepEqual(sorted(a.owned), all);
  });

  test("takes back at once what a member no longer wants, even between two assignments", () => {
    const bench = consumerBench({ consumerAssignmentIntervalMs: 1000 });
    const a = bench.member("a");
    a.join();
    assert.equal(a.beat({ subscribedTopicNames: [] }), 0);
    assert.equal(a.owned.size, 0);
    assert.equal(epochs(bench)[0], "Assigning");
  });

  test("waits between two assignments as long as it is told to (KIP-1263)", async () => {
    const bench = consumerBench({ consumerAssignmentIntervalMs: 1000 });
    const [a, b] = [bench.member("a"), bench.member("b")];
    a.join();
    assert.equal(a.owned.size, 4, "the first one is at once");
    b.join();
    assert.deepEqual([b.epoch, b.owned.size], [2, 0]);
    bench.settle(a, b);
    assert.deepEqual(epochs(bench), ["Assigning", 3, 2]);
    await bench.time.advance(1000);
    bench.settle(a, b);
    assert.deepEqual([a.owned.size, b.owned.size], [2, 2]);
  });

  test("assigns as most members want, and by ranges where that is asked for", () => {
    const bench = consumerBench();
    bench.topics.add("u", 4);
    const [a, b] = [bench.member("a"), bench.member("b")];
    a.join(["t", "u"], { serverAssignor: "range" });
    b.join(["t", "u"], { serverAssignor: "range" });
    bench.settle(a, b);
    assert.deepEqual(sorted(a.owned), ["id of t/0", "id of t/1", "id of u/0", "id of u/1"]);
    assert.deepEqual(sorted(b.owned), ["id of t/2", "id of t/3", "id of u/2", "id of u/3"]);
  });

  test("refuses more members than it may have", () => {
    const bench = consumerBench({ maxSize: 1 });
    assert.equal(bench.member("a").join(), 0);
    assert.equal(bench.member("b").join(), ErrorCode.GROUP_MAX_SIZE_REACHED);
  });

  test("is kept whole by a process that takes over what the last one kept", () => {
    const bench = consumerBench();
    const [a, b] = [bench.member("a"), bench.member("b", "i")];
    a.join(["t"], { serverAssignor: "range" });
    b.join(["t"], { serverAssignor: "range" });
    a.ask();
    bench.restart();
    assert.deepEqual(epochs(bench), ["Reconciling", 3, 3]);
    a.obey();
    bench.settle(a, b);
    assert.deepEqual([a.epoch, b.epoch, a.owned.size, b.owned.size], [3, 3, 2, 2]);
    assert.equal(b.leave(-2), 0);
    bench.restart();
    const c = bench.member("c", "i");
    assert.equal(c.join(), 0, "its place is free, as it left it");
    bench.topics.grow("t", 5);
    bench.restart();
    bench.settle(a, c);
    assert.equal(a.owned.size + c.owned.size, 5, "a topic that grew just before is not overlooked");
  });

  test("is kept whole by a coordinator that takes over, sessions beginning anew", async () => {
    const bench = consumerBench();
    const [a, b] = [bench.member("a"), bench.member("b")];
    a.join();
    b.join();
    a.ask();
    await bench.time.advance(REBALANCE - 1);
    bench.group.unload(ErrorCode.NOT_COORDINATOR);
    await bench.time.advance(2 * SESSION);
    bench.group.load();
    await bench.time.advance(REBALANCE - 1);
    a.obey();
    bench.settle(a, b);
    assert.deepEqual([a.owned.size, b.owned.size], [2, 2]);
    await bench.time.advance(SESSION);
    assert.equal(epochs(bench)[0], "Empty");
  });

  test("keeps an epoch that it began at a restart because of a topic: the next restart does not fall behind it", () => {
    const bench = consumerBench();
    bench.member("a").join(["v"]);
    const [, kept, assigned] = epochs(bench);
    bench.topics.add("v", 2);
    bench.restart();
    assert.deepEqual(epochs(bench), ["Assigning", Number(kept) + 1, assigned]);
    bench.topics.delete("v");
    bench.restart();
    assert.deepEqual(epochs(bench), ["Assigning", Number(kept) + 2, assigned]);
  });
});
