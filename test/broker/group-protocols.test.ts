import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import {
  decodeAssignment,
  encodeAssignment,
  encodeSubscription,
  type TopicPartition,
} from "../../protocol/messages/consumer-protocol.ts";
import type { JoinAnswer, SyncAnswer } from "../../src/broker/classic-answers.ts";
import type { Group } from "../../src/broker/group.ts";
import type { GroupSettings } from "../../src/broker/groups.ts";
import { type ConsumerBench, consumerBench, SESSION } from "./consumer-bench.ts";

const CLASSIC_SESSION = 10_000;
const CLASSIC_REBALANCE = 20_000;

/** A consumer of the classic protocol, a cooperative one. */
class ClassicMember {
  readonly #group: Group;
  readonly #instanceId: string | null;
  memberId = "";
  generation = -1;
  owned: readonly TopicPartition[] = [];

  constructor(group: Group, instanceId: string | null = null) {
    this.#group = group;
    this.#instanceId = instanceId;
  }

  async join(overrides: { protocolType?: string; metadata?: Uint8Array } = {}): Promise<JoinAnswer> {
    const { metadata = encodeSubscription({ topics: ["t"], ownedPartitions: this.owned }, 1) } = overrides;
    const ask = (): Promise<JoinAnswer> =>
      this.#group.join(
        {
          groupId: "g",
          sessionTimeoutMs: CLASSIC_SESSION,
          rebalanceTimeoutMs: CLASSIC_REBALANCE,
          memberId: this.memberId,
          groupInstanceId: this.#instanceId,
          protocolType: overrides.protocolType ?? "consumer",
          protocols: [{ name: "cooperative-sticky", metadata }],
          reason: null,
        },
        9,
        "classic",
      );
    let answer = await ask();
    if (answer.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
      this.memberId = answer.memberId!;
      answer = await ask();
    }
    if (!answer.errorCode) {
      this.memberId = answer.memberId!;
      this.generation = answer.generationId!;
    }
    return answer;
  }

  /** As leader it gives everybody what it says. */
  async sync(assignments: Readonly<Record<string, readonly number[]>> = {}): Promise<SyncAnswer> {
    const answer = await this.#group.sync({
      groupId: "g",
      generationId: this.generation,
      memberId: this.memberId,
      groupInstanceId: this.#instanceId,
      protocolType: "consumer",
      protocolName: "cooperative-sticky",
      assignments: Object.entries(assignments).map(([memberId, partitions]) => {
        return { memberId, assignment: encodeAssignment({ assignedPartitions: [{ topic: "t", partitions }] }) };
      }),
    });
    if (!answer.errorCode) this.owned = decodeAssignment(answer.assignment as Uint8Array).assignedPartitions;
    return answer;
  }

  beat(): number {
    return this.#group.heartbeat(this.memberId, this.#instanceId, this.generation);
  }
  leave(): number {
    return this.#group.leave([{ memberId: this.memberId, groupInstanceId: null, reason: null }])[0]!;
  }
  get partitions(): readonly number[] {
    return this.owned.flatMap(({ partitions }) => partitions);
  }
}

/** A stable classic group of one, which has all of `t`. */
async function classicGroup(
  settings: Partial<GroupSettings> = {},
): Promise<{ bench: ConsumerBench; old: ClassicMember }> {
  const bench = consumerBench(settings);
  const old = new ClassicMember(bench.group);
  await old.join();
  await old.sync({ [old.memberId]: [0, 1, 2, 3] });
  assert.deepEqual([bench.group.members.kind, bench.group.members.state], ["classic", "Stable"]);
  return { bench, old };
}

/** One that a member of each protocol shares. */
async function mixedGroup(settings: Partial<GroupSettings> = {}) {
  const { bench, old } = await classicGroup(settings);
  const young = bench.member("young");
  assert.equal(young.join(), 0);
  assert.equal(old.beat(), ErrorCode.REBALANCE_IN_PROGRESS);
  await old.join();
  await old.sync();
  old.beat();
  await old.join();
  await old.sync();
  bench.settle(young);
  assert.deepEqual([old.partitions.length, young.owned.size], [2, 2]);
  return { bench, old, young };
}

describe("a group between the two protocols", () => {
  test("goes over with all its members when the first of the newer one comes, and takes before it gives", async () => {
    const { bench, old } = await classicGroup();
    const young = bench.member("young");
    assert.equal(young.join(), 0);
    assert.equal(bench.group.members.kind, "consumer");
    assert.deepEqual([young.epoch, young.owned.size], [2, 0]);
    assert.equal(old.beat(), ErrorCode.REBALANCE_IN_PROGRESS);
    const joined = await old.join();
    assert.deepEqual([joined.generationId, joined.leader], [1, undefined], "it stays in its epoch, and nobody leads");
    await old.sync();
    assert.equal(old.partitions.length, 2);
    assert.equal(old.beat(), ErrorCode.REBALANCE_IN_PROGRESS, "it has to say that it has let go");
    young.beat();
    assert.equal(young.owned.size, 0);
    assert.equal((await old.join()).generationId, 2);
    await old.sync();
    assert.equal(old.beat(), 0);
    young.beat();
    assert.equal(young.owned.size, 2);
    assert.equal(bench.group.members.state, "Stable");
  });

  test("sends those who wait in it into the next rebalance when it goes over", async () => {
    const { bench, old } = await classicGroup();
    const other = new ClassicMember(bench.group);
    const waiting = other.join();
    await bench.time.advance(0);
    assert.equal(bench.group.members.state, "PreparingRebalance");
    assert.equal(bench.member("young").join(), 0);
    assert.equal((await waiting).errorCode, ErrorCode.REBALANCE_IN_PROGRESS);
    assert.equal(old.beat(), ErrorCode.REBALANCE_IN_PROGRESS);
  });

  test("goes back with all its members when the last of the newer one goes", async () => {
    const { bench, old, young } = await mixedGroup();
    assert.equal(young.leave(), 0);
    assert.equal(bench.group.members.kind, "classic");
    assert.equal(old.beat(), ErrorCode.REBALANCE_IN_PROGRESS);
    const joined = await old.join();
    assert.deepEqual([joined.generationId, joined.leader, joined.members!.length], [3, old.memberId, 1]);
    await old.sync({ [old.memberId]: [0, 1, 2, 3] });
    assert.equal(old.partitions.length, 4);
    assert.equal(young.beat(), ErrorCode.GROUP_ID_NOT_FOUND);
  });

  test("goes back when the last of the newer one falls silent", async () => {
    const { bench, old } = await mixedGroup();
    for (let waited = 0; waited < SESSION; waited += 5_000) {
      old.beat();
      await bench.time.advance(5_000);
    }
    assert.equal(bench.group.members.kind, "classic");
    await bench.time.advance(CLASSIC_REBALANCE + CLASSIC_SESSION);
    assert.equal(bench.group.members.state, "Empty", "the classic members' sessions go on with it");
  });

  test("goes back in place when one of the classic protocol takes a static member's", async () => {
    const bench = consumerBench();
    const young = bench.member("young", "i");
    young.join();
    const old = new ClassicMember(bench.group, "i");
    await old.join();
    assert.deepEqual([bench.group.members.kind, bench.group.members.state], ["classic", "Stable"]);
    assert.equal(old.beat(), 0, "nothing moves, so nobody joins again");
    await old.sync();
    assert.deepEqual(old.partitions, [0, 1, 2, 3]);
    assert.equal(young.beat(), ErrorCode.GROUP_ID_NOT_FOUND);
  });

  test("goes over in place when one of the newer protocol takes a static member's, and does not assign anew", async () => {
    // As Kafka 4.3.0 does: what it had not got, or was added since, waits for the next change.
    for (const isSynced of [true, false]) {
      const bench = consumerBench();
      const old = new ClassicMember(bench.group, "i");
      await old.join();
      if (isSynced) await old.sync({ [old.memberId]: [0, 1, 2, 3] });
      bench.topics.grow("t", 6);
      const young = bench.member("young", "i");
      assert.equal(young.join(), 0);
      bench.settle(young);
      assert.deepEqual([young.epoch, young.owned.size], [old.generation, isSynced ? 4 : 0]);
      bench.topics.grow("t", 8);
      bench.settle(young);
      assert.deepEqual([young.epoch, young.owned.size], [old.generation + 1, 8]);
    }
  });

  test("puts classic members out that do not join, do not sync, or fall silent", async () => {
    for (const silence of ["join", "sync", "heartbeat"]) {
      const { bench, old } = await classicGroup();
      const young = bench.member("young");
      young.join();
      if (silence === "join") old.beat();
      else await old.join();
      const wait = silence === "heartbeat" ? CLASSIC_SESSION : CLASSIC_REBALANCE;
      for (let waited = 0; waited < wait; waited += 5_000) {
        young.beat();
        assert.equal(young.owned.size, 0, `${silence}: ${waited}`);
        if (silence !== "heartbeat") assert.notEqual(old.beat(), ErrorCode.UNKNOWN_MEMBER_ID);
        await bench.time.advance(5_000);
      }
      young.beat();
      assert.equal(young.owned.size, 4, silence);
      assert.equal(old.beat(), ErrorCode.UNKNOWN_MEMBER_ID);
    }
  });

  test("takes commits of each member by its protocol's word for its epoch", async () => {
    const { bench, old, young } = await mixedGroup();
    const code = (memberId: string, epoch: number, version = 9, isTransactional = false): number | undefined => {
      try {
        bench.group.checkCommit({ memberId, groupInstanceId: null, epoch, isTransactional, version });
        return 0;
      } catch (error) {
        return (error as { errorCode: number }).errorCode;
      }
    };
    assert.equal(code(old.memberId, old.generation, 7), 0);
    assert.equal(code(old.memberId, old.generation + 1, 7), ErrorCode.ILLEGAL_GENERATION);
    assert.equal(code("young", young.epoch), 0);
    assert.equal(code("young", young.epoch, 8), ErrorCode.UNSUPPORTED_VERSION);
    assert.equal(code("young", young.epoch, 3, true), 0, "transactions have no version for it");
    assert.equal(code("young", young.epoch + 1), ErrorCode.STALE_MEMBER_EPOCH);
    assert.equal(code("", -1), ErrorCode.UNKNOWN_MEMBER_ID);
    assert.equal(code("", -1, 3, true), 0, "before KIP-447 nobody says whose they are");
  });

  test("takes a late commit for what the member has had since, and for nothing else (KIP-1251)", async () => {
    const bench = consumerBench();
    const [a, b] = [bench.member("a"), bench.member("b")];
    a.join();
    b.join();
    a.ask();
    const check = (epoch: number) =>
      bench.group.checkCommit({ memberId: "a", groupInstanceId: null, epoch, isTransactional: false, version: 9 });
    const codes = (epoch: number): number[] => [0, 1, 2, 3].map((partition) => check(epoch)("id of t", partition));
    assert.deepEqual(codes(2), [0, 0, 0, 0], "what it is giving up is still its own");
    a.obey();
    bench.settle(a, b);
    assert.equal(a.epoch, 3);
    const stale = ErrorCode.STALE_MEMBER_EPOCH;
    const kept = [...a.owned].map((key) => Number(key.at(-1)));
    assert.deepEqual(
      codes(2),
      [0, 1, 2, 3].map((partition) => (kept.includes(partition) ? 0 : stale)),
    );
    assert.deepEqual(codes(1), [stale, stale, stale, stale]);
    assert.throws(() => check(4), { errorCode: stale });
  });

  test("does not go over where it may not, cannot, or would not be understood", async () => {
    const refused = ErrorCode.GROUP_ID_NOT_FOUND;
    for (const migrationPolicy of ["disabled", "downgrade"] as const) {
      const { bench, old } = await classicGroup({ migrationPolicy });
      assert.equal(bench.member("young").join(), refused);
      assert.equal(old.beat(), 0, "nothing has changed");
    }
    for (const overrides of [{ protocolType: "connect" }, { metadata: Uint8Array.of(0, 1, 0) }]) {
      const bench = consumerBench();
      const old = new ClassicMember(bench.group);
      await old.join(overrides);
      assert.equal(bench.member("young").join(), refused);
    }
    const bench = consumerBench();
    bench.member("young").join();
    const connect = await new ClassicMember(bench.group).join({ protocolType: "connect" });
    assert.equal(connect.errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  });

  test("stays with the newer one where going back is forbidden", async () => {
    const { bench, old, young } = await mixedGroup({ migrationPolicy: "upgrade" });
    young.leave();
    assert.equal(bench.group.members.kind, "consumer");
    await old.join();
    await old.sync();
    assert.deepEqual(old.partitions, [0, 1, 2, 3]);
  });

  test("is empty when a test ends all sessions in it, of either protocol", async () => {
    const { bench } = await mixedGroup();
    bench.group.members.expire();
    assert.ok(bench.group.members.isEmpty);
  });

  test("takes either when nobody is in it", async () => {
    const { bench, old } = await classicGroup();
    assert.equal(old.leave(), 0);
    const young = bench.member("young");
    assert.equal(young.join(), 0);
    assert.equal(young.epoch, 2, "an empty group begins anew");
    young.leave();
    assert.equal(young.beat({ memberEpoch: 2 }), ErrorCode.UNKNOWN_MEMBER_ID);
    const next = new ClassicMember(bench.group);
    assert.equal((await next.join()).generationId, 1);
    assert.equal(young.beat({ memberEpoch: 2 }), ErrorCode.GROUP_ID_NOT_FOUND);
  });
});
