import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ErrorCode } from "../../protocol/errors.ts";
import type { JoinGroupRequest, JoinGroupResponse } from "../../protocol/messages/11-join-group.ts";
import type { SyncGroupResponse } from "../../protocol/messages/14-sync-group.ts";
import { ClassicGroup, type ClassicGroupSettings } from "../../src/broker/classic-group.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

const SESSION = 10_000;
const REBALANCE = 60_000;
const text = new TextEncoder();

type Joined = Partial<JoinGroupResponse>;
type Synced = Partial<SyncGroupResponse>;

interface Setup {
  readonly time: VirtualClock;
  readonly group: ClassicGroup;
  /** Joins as a new client does: asks for an id, then joins with it. Not awaited: it waits for the others. */
  join(overrides?: Partial<JoinGroupRequest>, version?: number): Promise<Joined>;
  /** The leader gives every member the assignment "for <id>". */
  sync(joined: Joined, overrides?: { groupInstanceId?: string }): Promise<Synced>;
  settle(): Promise<void>;
}

function setUp(settings: Partial<ClassicGroupSettings> = {}): Setup {
  const time = new VirtualClock();
  const group = new ClassicGroup(time.instance(), {
    initialRebalanceDelayMs: 0,
    minSessionTimeoutMs: 6000,
    maxSessionTimeoutMs: 1_800_000,
    ...settings,
  });
  const request = (overrides: Partial<JoinGroupRequest>): JoinGroupRequest => ({
    groupId: "g",
    sessionTimeoutMs: SESSION,
    rebalanceTimeoutMs: REBALANCE,
    memberId: "",
    groupInstanceId: null,
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: text.encode("m") }],
    reason: null,
    ...overrides,
  });
  return {
    time,
    group,
    async join(overrides = {}, version = 9) {
      const first = (await group.join(request(overrides), version, "client")) as Joined;
      if (first.errorCode !== ErrorCode.MEMBER_ID_REQUIRED) return first;
      return (await group.join(request({ ...overrides, memberId: first.memberId! }), version, "client")) as Joined;
    },
    async sync(joined, { groupInstanceId } = {}) {
      const members = joined.members ?? [];
      const assignments = members.map(({ memberId }) => ({ memberId, assignment: text.encode(`for ${memberId}`) }));
      const { memberId = "", generationId = -1 } = joined;
      const identity = { groupId: "g", memberId, generationId, groupInstanceId: groupInstanceId ?? null };
      return (await group.sync({ ...identity, protocolType: null, protocolName: null, assignments })) as Synced;
    },
    settle: () => time.advance(0),
  };
}

/** Two members in a stable group: the first leads. */
async function twoMembers(setup: Setup): Promise<[Joined, Joined]> {
  const first = await setup.join();
  const second = setup.join();
  await setup.settle();
  const [leader, follower] = await Promise.all([setup.join({ memberId: first.memberId! }), second]);
  await Promise.all([setup.sync(leader), setup.sync(follower)]);
  assert.equal(setup.group.state, "Stable");
  return [leader, follower];
}

const assignmentOf = (answer: Synced): string => new TextDecoder().decode(answer.assignment);

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

  test("takes commits of its generation, also while members are gathered, and none before their sync", async () => {
    const setup = setUp();
    assert.equal(setup.group.commitError("", null, -1), ErrorCode.NONE, "from outside while it is empty");
    const first = await setup.join();
    assert.equal(setup.group.commitError(first.memberId!, null, 1), ErrorCode.REBALANCE_IN_PROGRESS);
    await setup.sync(first);
    assert.equal(setup.group.commitError(first.memberId!, null, 1), ErrorCode.NONE);
    assert.equal(setup.group.commitError("", null, -1), ErrorCode.UNKNOWN_MEMBER_ID);
    void setup.join();
    await setup.settle();
    assert.equal(setup.group.state, "PreparingRebalance");
    assert.equal(setup.group.commitError(first.memberId!, null, 1), ErrorCode.NONE);
    assert.equal(setup.group.commitError(first.memberId!, null, 0), ErrorCode.ILLEGAL_GENERATION);
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
    assert.equal(setup.group.commitError(joined.memberId!, "worker-1", 1), ErrorCode.FENCED_INSTANCE_ID);
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

type Step =
  | { readonly do: "join"; readonly instance: number | null }
  | { readonly do: "rejoin" | "sync" | "heartbeat" | "leave"; readonly member: number }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "move" };

const anyMember = fc.nat({ max: 9 });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("join" as const), instance: fc.option(fc.nat({ max: 2 })) }),
  fc.record({
    do: fc.constantFrom("rejoin" as const, "sync" as const, "heartbeat" as const, "leave" as const),
    member: anyMember,
  }),
  fc.record({ do: fc.constantFrom("rejoin" as const, "sync" as const), member: anyMember }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.nat({ max: SESSION }) }),
  fc.record({ do: fc.constant("move" as const) }),
);

describe("a classic group under any requests", () => {
  /** Applies steps and keeps what every member was last told. */
  async function play(
    steps: readonly Step[],
    delay: number,
  ): Promise<{ setup: Setup; open: () => number; told: Map<string, Joined> }> {
    const setup = setUp({ initialRebalanceDelayMs: delay });
    const told = new Map<string, Joined>();
    let open = 0;
    const track = <T extends Joined | Synced>(work: Promise<T>, then: (answer: T) => void): void => {
      open += 1;
      void work.then((answer) => {
        open -= 1;
        then(answer);
      });
    };
    const keep = (answer: Joined): void => {
      if (answer.errorCode === undefined) told.set(answer.memberId!, answer);
    };
    for (const step of steps) {
      const ids = [...told.keys()];
      const memberId = "member" in step ? ids[step.member % Math.max(1, ids.length)] : undefined;
      const groupInstanceId = /^static-\d/.exec(memberId ?? "")?.[0] ?? null;
      if (step.do === "join")
        track(setup.join(step.instance === null ? {} : { groupInstanceId: `static-${step.instance}` }), keep);
      else if (step.do === "wait") await setup.time.advance(step.ms);
      else if (step.do === "move") {
        setup.group.unload(ErrorCode.NOT_COORDINATOR);
        setup.group.load();
      } else if (memberId === undefined) continue;
      else if (step.do === "rejoin") track(setup.join({ memberId, groupInstanceId }), keep);
      else if (step.do === "sync")
        track(setup.sync(told.get(memberId)!, groupInstanceId === null ? {} : { groupInstanceId }), () => undefined);
      else if (step.do === "heartbeat")
        setup.group.heartbeat(memberId, groupInstanceId, told.get(memberId)!.generationId!);
      else setup.group.leave({ memberId, groupInstanceId });
      await setup.settle();
    }
    return { setup, open: () => open, told };
  }

  test("answers every join and sync in the end, and empties when all fall silent", async () => {
    const steps = fc.array(anyStep, { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(steps, fc.constantFrom(0, 3000), async (all, delay) => {
        const { setup, open } = await play(all, delay);
        for (let i = 0; i < 20; i++) await setup.time.advance(REBALANCE);
        assert.equal(open(), 0, "a request was never answered");
        assert.equal(setup.group.state, "Empty");
      }),
      { numRuns: 200 },
    );
  });

  test("never gives one generation two leaders or two protocols", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { maxLength: 40 }), async (all) => {
        const { setup, told } = await play(
          all.filter((step) => step.do !== "move"),
          0,
        );
        const leaders = new Map<number, Set<string>>();
        for (const { generationId, leader, memberId } of told.values()) {
          if (leader === memberId) leaders.set(generationId!, (leaders.get(generationId!) ?? new Set()).add(leader!));
        }
        const dynamic = [...leaders].filter(([, ids]) => ![...ids].some((id) => id.startsWith("static")));
        for (const [generation, ids] of dynamic) assert.equal(ids.size, 1, `generation ${generation}`);
        assert.ok(setup.group.generationId >= Math.max(0, ...leaders.keys()));
      }),
      { numRuns: 200 },
    );
  });
});
