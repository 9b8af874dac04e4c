import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { type BenchMember, type ConsumerBench, consumerBench, REBALANCE, SESSION } from "./consumer-bench.ts";

const sorted = (set: ReadonlySet<string>): string[] => [...set].sort();

/** A static and a dynamic member, with half of the topic each. */
function halves(): { bench: ConsumerBench; one: BenchMember; other: BenchMember } {
  const bench = consumerBench();
  const [one, other] = [bench.member("one", "i"), bench.member("other")];
  one.join();
  other.join();
  bench.settle(one, other);
  assert.equal(one.owned.size, 2);
  return { bench, one, other };
}

describe("a static member of a consumer group", () => {
  test("that left for a while finds all as it was, under a new id", async () => {
    const { bench, one, other } = halves();
    assert.equal(one.leave(-2), 0);
    await bench.time.advance(SESSION - 1);
    bench.settle(other);
    assert.equal(other.owned.size, 2, "nothing has moved");
    const back = bench.member("back", "i");
    assert.equal(back.join(), 0);
    assert.deepEqual(sorted(back.owned), sorted(one.owned));
    assert.deepEqual([back.epoch, other.epoch], [3, 3], "and nobody has a new epoch");
    assert.equal(one.ask({ memberEpoch: 3 }), ErrorCode.FENCED_INSTANCE_ID);
    assert.equal(one.ask({ memberEpoch: 3, instanceId: null }), ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("that does not come back has left when its session ends", async () => {
    const { bench, one, other } = halves();
    one.leave(-2);
    await bench.time.advance(SESSION - 1);
    other.beat();
    await bench.time.advance(1);
    bench.settle(other);
    assert.equal(other.owned.size, 4);
    assert.equal(bench.member("back", "i").join(), 0, "its instance id is free");
  });

  test("keeps another with its instance id out until it has left", () => {
    const { bench, one } = halves();
    const twin = bench.member("twin", "i");
    assert.equal(twin.join(), ErrorCode.UNRELEASED_INSTANCE_ID);
    assert.equal(bench.member("one", "i").join(), ErrorCode.UNRELEASED_INSTANCE_ID, "itself too: it is there");
    assert.equal(twin.ask({ memberEpoch: 3 }), ErrorCode.FENCED_INSTANCE_ID);
    assert.equal(twin.leave(-1), ErrorCode.FENCED_INSTANCE_ID);
    assert.equal(bench.member("x", "j").ask({ memberEpoch: 3 }), ErrorCode.UNKNOWN_MEMBER_ID);
    assert.equal(one.leave(-1), 0);
    assert.equal(twin.join(), 0);
  });

  test("that goes while it has to give up lets go by going", () => {
    const bench = consumerBench();
    const [one, other] = [bench.member("one", "i"), bench.member("other")];
    one.join();
    other.join();
    one.ask();
    assert.equal(one.leave(-2), 0);
    other.beat();
    assert.equal(other.owned.size, 2);
    const back = bench.member("back", "i");
    back.join();
    assert.equal(back.owned.size, 2);
  });

  test("that is away is not put out for what it was to give up", async () => {
    const bench = consumerBench();
    const [one, other] = [bench.member("one", "i"), bench.member("other")];
    one.join();
    other.join();
    one.ask();
    await bench.time.advance(REBALANCE - 1);
    one.leave(-2);
    await bench.time.advance(1000);
    const back = bench.member("back", "i");
    assert.equal(back.join(), 0);
    assert.equal(back.owned.size, 2);
  });
});
