import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { assignmentOf, REBALANCE, SESSION, setUp } from "./classic-bench.ts";

describe("a static member", () => {
  const named = { groupInstanceId: "worker-1" };

  test("needs no second join for its id", async () => {
    const setup = setUp();
    const joined = await setup.join(named);
    assert.equal(joined.generationId, 1);
    assert.match(joined.memberId!, /^worker-1-/);
  });

  test("comes back to its assignment without a rebalance, and its old self is fenced", async () => {
    const setup = setUp();
    const joined = await setup.join(named);
    await setup.sync(joined, named);
    const back = await setup.join(named);
    assert.notEqual(back.memberId, joined.memberId);
    assert.equal(back.generationId, 1);
    assert.equal(back.skipAssignment, true, "the leader is told to leave the assignment as it is (KIP-814)");
    assert.equal(assignmentOf(await setup.sync({ ...back, members: [] }, named)), `for ${joined.memberId}`);
    assert.equal(setup.group.heartbeat(joined.memberId!, "worker-1", 1), ErrorCode.FENCED_INSTANCE_ID);
    assert.equal(setup.group.heartbeat(back.memberId!, "worker-1", 1), ErrorCode.NONE);
    assert.equal((await setup.join({ ...named, memberId: joined.memberId! })).errorCode, ErrorCode.FENCED_INSTANCE_ID);
    assert.equal(setup.commitError(joined.memberId!, 1, "worker-1"), ErrorCode.FENCED_INSTANCE_ID);
  });

  test("is not told that it leads by versions that know of no skipping", async () => {
    const setup = setUp();
    const joined = await setup.join(named);
    await setup.sync(joined, named);
    const back = await setup.join(named, 8);
    assert.equal(back.leader, joined.memberId);
    assert.deepEqual(back.members, []);
  });

  test("stays through a rebalance that it misses, until its session ends", async () => {
    const setup = setUp();
    const joined = await setup.join({ ...named, sessionTimeoutMs: 120_000 });
    await setup.sync(joined, named);
    const other = setup.join();
    await setup.time.advance(REBALANCE);
    const second = await other;
    assert.equal(second.generationId, 2);
    assert.equal(setup.group.members.length, 2);
    assert.equal(second.leader, second.memberId, "leadership passes to one who is there");
  });

  test("replaces itself while it waits to join: the older one is fenced", async () => {
    const setup = setUp();
    const first = await setup.join();
    await setup.sync(first);
    const older = setup.join(named);
    await setup.settle();
    const newer = setup.join(named);
    await setup.settle();
    assert.equal((await older).errorCode, ErrorCode.FENCED_INSTANCE_ID);
    await setup.join({ memberId: first.memberId! });
    assert.equal((await newer).generationId, 2);
  });

  test("has another session when it is sent back from a sync that outlasted the first", async () => {
    const setup = setUp();
    const { group, time } = setup;
    const first = await setup.join();
    const waiting = setup.join(named);
    await setup.settle();
    await setup.join({ memberId: first.memberId! });
    const sync = setup.sync(await waiting, named);
    await time.advance(SESSION - 1);
    group.heartbeat(first.memberId!, null, 2);
    // The leader falls silent before it has assigned.
    await time.advance(SESSION);
    assert.equal((await sync).errorCode, ErrorCode.REBALANCE_IN_PROGRESS);
    await time.advance(SESSION - 1);
    assert.equal(group.state, "PreparingRebalance");
    await time.advance(1);
    assert.equal(group.state, "Empty");
  });

  test("is removed by its instance id alone", async () => {
    const setup = setUp();
    const joined = await setup.join(named);
    await setup.sync(joined, named);
    const { group } = setup;
    assert.equal(group.leave({ memberId: "", groupInstanceId: "worker-2" }), ErrorCode.UNKNOWN_MEMBER_ID);
    assert.equal(group.leave({ memberId: "x", groupInstanceId: "worker-1" }), ErrorCode.FENCED_INSTANCE_ID);
    assert.equal(group.leave({ memberId: "", groupInstanceId: "worker-1" }), ErrorCode.NONE);
    assert.equal(group.state, "Empty");
  });
});
