import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { JoinGroupRequest } from "../../protocol/messages/11-join-group.ts";
import { assignmentOf, type Joined, REBALANCE, SESSION, setUp, text, twoMembers } from "./classic-bench.ts";

describe("a classic group", () => {
  test("gives the first member a generation at once, and its own assignment", async () => {
    const setup = setUp();
    const joined = await setup.join();
    assert.equal(joined.generationId, 1);
    assert.equal(joined.leader, joined.memberId);
    assert.equal(joined.protocolName, "range");
    assert.equal(joined.members!.length, 1);
    assert.equal(setup.group.state, "CompletingRebalance");
    assert.equal(assignmentOf(await setup.sync(joined)), `for ${joined.memberId}`);
    assert.equal(setup.group.state, "Stable");
  });

  test("requires the id that it gave (KIP-394) from version 4 on", async () => {
    const { group } = setUp();
    const protocols = [{ name: "range", metadata: text.encode("m") }];
    const bare = {
      groupId: "g",
      sessionTimeoutMs: SESSION,
      rebalanceTimeoutMs: -1,
      memberId: "",
      groupInstanceId: null,
    };
    const request = { ...bare, protocolType: "consumer", protocols, reason: null };
    const answer = (await group.join(request, 4, "me")) as Joined;
    assert.equal(answer.errorCode, ErrorCode.MEMBER_ID_REQUIRED);
    assert.match(answer.memberId!, /^me-/);
    assert.equal(group.state, "Empty");
    const old = (await group.join(request, 3, "me")) as Joined;
    assert.equal(old.generationId, 1);
    const invented = (await group.join({ ...request, memberId: "me-1" }, 4, "me")) as Joined;
    assert.equal(invented.errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("waits with a rebalance for a member that was given an id and has not joined", async () => {
    const setup = setUp();
    const first = await setup.join();
    await setup.sync(first);
    const asked = (await setup.group.join(
      {
        groupId: "g",
        sessionTimeoutMs: SESSION,
        rebalanceTimeoutMs: REBALANCE,
        memberId: "",
        groupInstanceId: null,
        protocolType: "consumer",
        protocols: [{ name: "range", metadata: text.encode("m") }],
        reason: null,
      },
      9,
      "c",
    )) as Joined;
    assert.equal(asked.errorCode, ErrorCode.MEMBER_ID_REQUIRED);
    const again = setup.join({ memberId: first.memberId! });
    await setup.time.advance(SESSION - 1);
    assert.equal(setup.group.state, "PreparingRebalance");
    await setup.time.advance(1);
    assert.equal((await again).generationId, 2, "its session ended before it joined");
  });

  test("rebalances when a second member comes, and tells the first by its heartbeat", async () => {
    const setup = setUp();
    const first = await setup.join();
    await setup.sync(first);
    const second = setup.join();
    await setup.settle();
    assert.equal(setup.group.heartbeat(first.memberId!, null, 1), ErrorCode.REBALANCE_IN_PROGRESS);
    const again = await setup.join({ memberId: first.memberId! });
    const other = await second;
    assert.deepEqual([again.generationId, other.generationId], [2, 2]);
    assert.equal(other.leader, first.memberId);
    assert.equal(again.members!.length, 2);
    assert.equal(other.members!.length, 0, "only the leader sees the members");
    const [, assigned] = await Promise.all([setup.sync(again), setup.sync(other)]);
    assert.equal(assignmentOf(assigned), `for ${other.memberId}`);
  });

  test("drops who has not joined when the rebalance timeout has passed", async () => {
    const setup = setUp();
    const first = await setup.join({ sessionTimeoutMs: 300_000 });
    await setup.sync(first);
    const second = setup.join();
    await setup.time.advance(REBALANCE - 1);
    assert.equal(setup.group.state, "PreparingRebalance");
    await setup.time.advance(1);
    const alone = await second;
    assert.equal(alone.leader, alone.memberId, "leadership passes on");
    assert.equal(setup.group.heartbeat(first.memberId!, null, 1), ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("drops a member whose heartbeats stop, and keeps one whose go on", async () => {
    const setup = setUp();
    const [leader, follower] = await twoMembers(setup);
    for (let i = 0; i < 4; i++) {
      await setup.time.advance(SESSION / 2);
      setup.group.heartbeat(leader.memberId!, null, 2);
    }
    assert.deepEqual(
      setup.group.members.map((member) => member.memberId),
      [leader.memberId],
    );
    assert.equal(setup.group.state, "PreparingRebalance");
    assert.equal(setup.group.heartbeat(follower.memberId!, null, 2), ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("gives up on a new member that has waited five minutes: nobody could see its connection close", async () => {
    const setup = setUp();
    const first = await setup.join({ rebalanceTimeoutMs: 900_000, sessionTimeoutMs: 900_000 });
    await setup.sync(first);
    const second = setup.join();
    await setup.time.advance(299_999);
    assert.equal(setup.group.members.length, 2);
    await setup.time.advance(1);
    assert.equal((await second).errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("drops who does not sync in time", async () => {
    const setup = setUp();
    const joined = await setup.join({ sessionTimeoutMs: 300_000 });
    await setup.time.advance(REBALANCE);
    assert.deepEqual(setup.group.members, []);
    assert.equal(setup.group.state, "Empty");
    assert.equal((await setup.sync(joined)).errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("stays stable past the time to sync once all have", async () => {
    const setup = setUp();
    const joined = await setup.join({ sessionTimeoutMs: 300_000 });
    await setup.sync(joined);
    await setup.time.advance(REBALANCE * 2);
    assert.equal(setup.group.state, "Stable");
  });

  test("sends back who syncs while members are gathered, and waiting syncs too", async () => {
    const setup = setUp();
    const first = await setup.join();
    await setup.sync(first);
    const second = setup.join();
    await setup.settle();
    assert.equal((await setup.sync(first)).errorCode, ErrorCode.REBALANCE_IN_PROGRESS);
    const leader = await setup.join({ memberId: first.memberId! });
    const waiting = setup.sync(await second);
    void setup.join();
    await setup.settle();
    assert.equal((await waiting).errorCode, ErrorCode.REBALANCE_IN_PROGRESS);
    assert.equal(leader.generationId, 2);
  });

  test("answers a repeated join of an unchanged follower without a rebalance, and rebalances for its leader", async () => {
    const setup = setUp();
    const [leader, follower] = await twoMembers(setup);
    assert.equal((await setup.join({ memberId: follower.memberId! })).generationId, 2);
    assert.equal(setup.group.state, "Stable");
    void setup.join({ memberId: leader.memberId! });
    await setup.settle();
    assert.equal(setup.group.state, "PreparingRebalance");
  });

  test("rebalances for a follower whose subscription changed", async () => {
    const setup = setUp();
    const [, follower] = await twoMembers(setup);
    const protocols = [{ name: "range", metadata: text.encode("changed") }];
    void setup.join({ memberId: follower.memberId!, protocols });
    await setup.settle();
    assert.equal(setup.group.state, "PreparingRebalance");
  });

  test("picks the protocol that all have and most want", async () => {
    const setup = setUp();
    const named = (...names: string[]): Partial<JoinGroupRequest> => ({
      protocols: names.map((name) => ({ name, metadata: text.encode(name) })),
    });
    const first = await setup.join(named("sticky", "range", "own"));
    const others = [setup.join(named("range", "sticky")), setup.join(named("range", "sticky"))];
    await setup.settle();
    const again = await setup.join({ memberId: first.memberId!, ...named("sticky", "range", "own") });
    assert.equal(again.protocolName, "range");
    assert.equal(new TextDecoder().decode(again.members![0]!.metadata), "range");
    await Promise.all(others);
    const stranger = await setup.join(named("other"));
    assert.equal(stranger.errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    assert.equal((await setup.join({ protocolType: "connect" })).errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    assert.equal((await setup.join({ protocols: [] })).errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  });

  test("refuses session timeouts outside of its bounds", async () => {
    const setup = setUp();
    assert.equal((await setup.join({ sessionTimeoutMs: 5999 })).errorCode, ErrorCode.INVALID_SESSION_TIMEOUT);
    assert.equal((await setup.join({ sessionTimeoutMs: 1_800_001 })).errorCode, ErrorCode.INVALID_SESSION_TIMEOUT);
  });

  test("waits before its first generation as long as members keep coming", async () => {
    const setup = setUp({ initialRebalanceDelayMs: 3000 });
    const first = setup.join();
    await setup.time.advance(2900);
    const second = setup.join();
    await setup.time.advance(2900);
    assert.equal(setup.group.state, "PreparingRebalance");
    await setup.time.advance(3000);
    const [one, two] = await Promise.all([first, second]);
    assert.deepEqual([one.generationId, two.generationId], [1, 1]);
  });

  test("knows members that leave no more, and is empty when the last one left", async () => {
    const setup = setUp();
    const [leader, follower] = await twoMembers(setup);
    assert.equal(setup.group.leave({ memberId: follower.memberId!, groupInstanceId: null }), ErrorCode.NONE);
    assert.equal(
      setup.group.leave({ memberId: follower.memberId!, groupInstanceId: null }),
      ErrorCode.UNKNOWN_MEMBER_ID,
    );
    assert.equal(setup.group.heartbeat(leader.memberId!, null, 2), ErrorCode.REBALANCE_IN_PROGRESS);
    assert.equal(setup.group.leave({ memberId: leader.memberId!, groupInstanceId: null }), ErrorCode.NONE);
    assert.equal(setup.group.state, "Empty");
    assert.equal(setup.group.generationId, 3);
  });

  test("refuses requests of another generation and of strangers", async () => {
    const setup = setUp();
    const [leader] = await twoMembers(setup);
    assert.equal(setup.group.heartbeat(leader.memberId!, null, 1), ErrorCode.ILLEGAL_GENERATION);
    assert.equal((await setup.sync({ ...leader, generationId: 1 })).errorCode, ErrorCode.ILLEGAL_GENERATION);
    assert.equal((await setup.sync({ ...leader, memberId: "x" })).errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("refuses more members than it may have, and none that it has", async () => {
    const setup = setUp({ maxSize: 2 });
    const [leader] = await twoMembers(setup);
    assert.equal((await setup.join()).errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED);
    void setup.join({ memberId: leader.memberId! });
    await setup.settle();
    assert.equal(setup.group.state, "PreparingRebalance");
  });

  test("takes commits of its generation, also while members are gathered, and none before their sync", async () => {
    const setup = setUp();
    assert.equal(setup.commitError("", -1), ErrorCode.NONE, "from outside while it is empty");
    const first = await setup.join();
    assert.equal(setup.commitError(first.memberId!, 1), ErrorCode.REBALANCE_IN_PROGRESS);
    await setup.sync(first);
    assert.equal(setup.commitError(first.memberId!, 1), ErrorCode.NONE);
    assert.equal(setup.commitError("", -1), ErrorCode.UNKNOWN_MEMBER_ID);
    void setup.join();
    await setup.settle();
    assert.equal(setup.group.state, "PreparingRebalance");
    assert.equal(setup.commitError(first.memberId!, 1), ErrorCode.NONE);
    assert.equal(setup.commitError(first.memberId!, 0), ErrorCode.ILLEGAL_GENERATION);
  });

  test("keeps what was stored when its coordinator moves, and sends those who wait away", async () => {
    const setup = setUp();
    const [leader] = await twoMembers(setup);
    const waiting = setup.join();
    await setup.settle();
    setup.group.unload(ErrorCode.NOT_COORDINATOR);
    setup.group.load();
    assert.equal((await waiting).errorCode, ErrorCode.NOT_COORDINATOR);
    assert.equal(setup.group.members.length, 2, "who joined meanwhile was never stored");
    assert.equal(setup.group.state, "Stable");
    assert.equal(setup.group.heartbeat(leader.memberId!, null, 2), ErrorCode.NONE);
    await setup.time.advance(SESSION + REBALANCE);
    assert.equal(setup.group.state, "Empty", "sessions go on at the new coordinator");
  });

  test("expires sessions on demand", async () => {
    const setup = setUp();
    const [leader, follower] = await twoMembers(setup);
    setup.group.expire(follower.memberId);
    assert.deepEqual(
      setup.group.members.map((member) => member.memberId),
      [leader.memberId],
    );
    setup.group.expire();
    assert.equal(setup.group.state, "Empty");
  });
});
