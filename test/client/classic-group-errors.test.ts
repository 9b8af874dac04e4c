import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { JoinGroupRequest } from "../../protocol/messages/11-join-group.ts";
import { commitOffsets } from "../../src/client/group-offsets.ts";
import { type GroupBench, type JoinOptions, startGroup } from "../support/group-bench.ts";

/**
 * What coordinators answer, by API, as the notes' table has it: how Java's consumer takes it.
 *
 * kept: nothing is lost. lost: what was owned is lost, and the member joins under its id ("kept id") or as a new one
 * ("new id"). fatal: the membership ends.
 */
type Outcome = "kept" | "lost, kept id" | "lost, new id" | "fatal";

const TABLE: Readonly<Record<"JoinGroup" | "SyncGroup" | "Heartbeat", Readonly<Record<string, Outcome>>>> = {
  JoinGroup: {
    COORDINATOR_LOAD_IN_PROGRESS: "kept",
    COORDINATOR_NOT_AVAILABLE: "kept",
    NOT_COORDINATOR: "kept",
    REBALANCE_IN_PROGRESS: "kept",
    UNKNOWN_MEMBER_ID: "lost, new id",
    FENCED_INSTANCE_ID: "fatal",
    INCONSISTENT_GROUP_PROTOCOL: "fatal",
    INVALID_GROUP_ID: "fatal",
    INVALID_SESSION_TIMEOUT: "fatal",
    GROUP_AUTHORIZATION_FAILED: "fatal",
    GROUP_MAX_SIZE_REACHED: "fatal",
  },
  SyncGroup: {
    COORDINATOR_LOAD_IN_PROGRESS: "kept",
    COORDINATOR_NOT_AVAILABLE: "kept",
    NOT_COORDINATOR: "kept",
    REBALANCE_IN_PROGRESS: "kept",
    ILLEGAL_GENERATION: "lost, kept id",
    UNKNOWN_MEMBER_ID: "lost, new id",
    FENCED_INSTANCE_ID: "fatal",
    GROUP_AUTHORIZATION_FAILED: "fatal",
    INCONSISTENT_GROUP_PROTOCOL: "fatal",
  },
  Heartbeat: {
    COORDINATOR_LOAD_IN_PROGRESS: "kept",
    COORDINATOR_NOT_AVAILABLE: "kept",
    NOT_COORDINATOR: "kept",
    REBALANCE_IN_PROGRESS: "kept",
    ILLEGAL_GENERATION: "lost, kept id",
    UNKNOWN_MEMBER_ID: "lost, new id",
    FENCED_INSTANCE_ID: "fatal",
    GROUP_AUTHORIZATION_FAILED: "fatal",
  },
};

const ASSIGNED = "assigned t/0 t/1 t/2 t/3";
const LOST = "lost t/0 t/1 t/2 t/3";

for (const [api, row] of Object.entries(TABLE)) {
  for (const [name, outcome] of Object.entries(row)) {
    test(`${api} answered with ${name}: ${outcome}`, async (t) => {
      const bench = await startGroup(t);
      const { member, log, failures } = bench.join();
      await bench.settle();
      const { memberId } = member.membership;
      const errorCode = ErrorCode[name as keyof typeof ErrorCode];
      bench.broker.faults.fail({ api, errorCode });
      if (api !== "Heartbeat") member.topicsChanged();
      await bench.settle();
      const expected = {
        kept: [ASSIGNED],
        "lost, kept id": [ASSIGNED, LOST, ASSIGNED],
        "lost, new id": [ASSIGNED, LOST, ASSIGNED],
        fatal: [ASSIGNED, LOST],
      }[outcome];
      assert.deepEqual(log, expected);
      assert.deepEqual(
        failures.map(({ code }) => code),
        outcome === "fatal" ? [name] : [],
      );
      if (outcome === "fatal") assert.match(failures[0]!.message, /group g/);
      else assert.equal(member.membership.memberId === memberId, outcome !== "lost, new id");
      assert.equal(member.lease.isValid, outcome !== "fatal");
    });
  }
}

test("the id that a coordinator gave is kept through a join that fails (KIP-394)", async (t) => {
  const bench = await startGroup(t);
  const ids: string[] = [];
  bench.broker.observe(({ api, body }) => {
    if (api === "JoinGroup") ids.push((body as JoinGroupRequest).memberId);
  });
  bench.broker.faults.cut({ api: "JoinGroup", where: ({ body }) => (body as JoinGroupRequest).memberId !== "" });
  const { owned } = bench.join();
  await bench.settle();
  const [first, ...others] = ids;
  assert.equal(first, "");
  assert.ok(others.length >= 2 && new Set(others).size === 1, `${ids}`);
  assert.equal(owned.size, 4);
  assert.equal(bench.broker.groups()[0]!.members.length, 1);
});

test("a rebalance that begins while a join is pending is joined too", async (t) => {
  const bench = await startGroup(t);
  const first = bench.join();
  await bench.settle();
  bench.broker.faults.delay({ api: "SyncGroup", ms: 2_000, times: 2 });
  const second = bench.join();
  await bench.time.advance(4_000);
  const third = bench.join();
  await bench.settle();
  assert.deepEqual([first, second, third].map(({ owned }) => owned.size).sort(), [1, 1, 2]);
  assert.deepEqual(
    bench.everybody.flatMap(({ log }) => log).filter((line) => line.startsWith("lost")),
    [],
  );
});

test("each join says why (KIP-800)", async (t) => {
  const bench = await startGroup(t);
  const reasons: (string | null)[] = [];
  bench.broker.observe(({ api, body }) => {
    if (api === "JoinGroup") reasons.push((body as JoinGroupRequest).reason);
  });
  const { member } = bench.join();
  await bench.settle();
  member.topicsChanged();
  await bench.settle();
  bench.broker.faults.fail({ api: "Heartbeat", errorCode: ErrorCode.ILLEGAL_GENERATION });
  await bench.settle();
  assert.deepEqual(
    [...new Set(reasons)],
    ["the member starts", "other topics are wanted", "the coordinator said ILLEGAL_GENERATION"],
  );
});

test("a commit is a static member's own, as are its joins, syncs and heartbeats", async (t) => {
  const bench = await startGroup(t);
  const named = new Map<string, unknown>();
  bench.broker.observe(({ api, body }) => {
    const { groupInstanceId } = body as { groupInstanceId?: string | null };
    if (groupInstanceId !== undefined) named.set(api, groupInstanceId);
  });
  const { member } = bench.join(bench.client(), { groupInstanceId: "one" } satisfies JoinOptions);
  await bench.settle();
  const offset = { topic: "t", partition: 0, offset: 1, leaderEpoch: -1, metadata: "" };
  const codes = await bench.run(commitOffsets(member.coordinator, member.membership, [offset]));
  assert.equal(codes.get("t/0"), 0);
  assert.deepEqual(
    [...named].sort(),
    ["Heartbeat", "JoinGroup", "OffsetCommit", "SyncGroup"].map((api) => [api, "one"]),
  );
});

test("a static member that is replaced is fenced, whatever it asks next, and its commits are refused", async (t) => {
  const bench: GroupBench = await startGroup(t);
  const older = bench.join(bench.client(), { groupInstanceId: "one" });
  await bench.settle();
  const { membership } = older.member;
  older.owned.clear();
  const newer = bench.join(bench.client(), { groupInstanceId: "one" });
  await bench.time.advance(100);
  const offset = { topic: "t", partition: 0, offset: 1, leaderEpoch: -1, metadata: "" };
  const codes = await bench.run(commitOffsets(older.member.coordinator, membership, [offset]));
  assert.equal(codes.get("t/0"), ErrorCode.FENCED_INSTANCE_ID);
  older.member.refused(ErrorCode.FENCED_INSTANCE_ID, membership.generationId);
  assert.deepEqual(
    older.failures.map(({ code }) => code),
    ["FENCED_INSTANCE_ID"],
  );
  await bench.settle();
  assert.deepEqual([newer.owned.size, newer.failures], [4, []]);
});
