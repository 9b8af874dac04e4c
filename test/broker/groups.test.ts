import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { offsetCommit } from "../../protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../../protocol/messages/09-offset-fetch.ts";
import { findCoordinator } from "../../protocol/messages/10-find-coordinator.ts";
import { joinGroup } from "../../protocol/messages/11-join-group.ts";
import { heartbeat } from "../../protocol/messages/12-heartbeat.ts";
import { leaveGroup } from "../../protocol/messages/13-leave-group.ts";
import { syncGroup } from "../../protocol/messages/14-sync-group.ts";
import { type Bench, type RawClient, startBench } from "./raw-client.ts";

const protocols = [{ name: "range", metadata: Uint8Array.of(1, 2) }];
const joining = {
  groupId: "g",
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 60_000,
  protocolType: "consumer",
  protocols,
};

async function start(nodes = 1): Promise<{ bench: Bench; client: RawClient }> {
  const bench = await startBench({ nodes });
  await bench.broker.createTopic("t", { partitions: 2 });
  return { bench, client: await bench.connect() };
}

/** A member of a group of one, which is stable. */
async function member(bench: Bench, client: RawClient): Promise<{ memberId: string; generationId: number }> {
  const { memberId } = await bench.run(client.call(joinGroup, 4, joining));
  const { generationId } = await bench.run(client.call(joinGroup, 4, { ...joining, memberId }));
  const assignments = [{ memberId, assignment: Uint8Array.of(9) }];
  await bench.run(client.call(syncGroup, 4, { groupId: "g", memberId, generationId, assignments }));
  return { memberId, generationId };
}

describe("group requests", () => {
  test("lead a member through join, sync, heartbeat and leave in every version", async () => {
    const { bench, client } = await start();
    for (let version = joinGroup.minVersion; version <= joinGroup.maxVersion; version++) {
      const groupId = `g${version}`;
      const first = await bench.run(client.call(joinGroup, version, { ...joining, groupId }));
      const { memberId } = first;
      const known =
        version < 4 ? first : await bench.run(client.call(joinGroup, version, { ...joining, groupId, memberId }));
      assert.deepEqual(
        [known.errorCode, known.generationId, known.leader, known.protocolName],
        [0, 1, memberId, "range"],
      );
      assert.deepEqual(known.members[0]!.metadata, Uint8Array.of(1, 2));
      const who = { groupId, memberId, generationId: 1 };
      const assignments = [{ memberId, assignment: Uint8Array.of(9) }];
      const synced = await bench.run(client.call(syncGroup, Math.min(version, 5), { ...who, assignments }));
      assert.deepEqual(synced.assignment, Uint8Array.of(9));
      assert.equal((await bench.run(client.call(heartbeat, Math.min(version, 4), who))).errorCode, 0);
      const leave = Math.min(version, leaveGroup.maxVersion);
      const body = leave < 3 ? { groupId, memberId } : { groupId, members: [{ memberId }, { memberId: "x" }] };
      const left = await bench.run(client.call(leaveGroup, leave, body));
      assert.equal(left.errorCode, 0);
      if (leave >= 3)
        assert.deepEqual(
          left.members.map((one) => one.errorCode),
          [0, ErrorCode.UNKNOWN_MEMBER_ID],
        );
      assert.equal(bench.broker.groups().find((group) => group.groupId === groupId)!.state, "Empty");
    }
  });

  test("to a group that nobody knows are those of unknown members", async () => {
    const { bench, client } = await start();
    const who = { groupId: "none", memberId: "x", generationId: 1 };
    const unknown = ErrorCode.UNKNOWN_MEMBER_ID;
    assert.equal((await bench.run(client.call(heartbeat, 4, who))).errorCode, unknown);
    assert.equal((await bench.run(client.call(syncGroup, 5, who))).errorCode, unknown);
    assert.equal(
      (await bench.run(client.call(joinGroup, 9, { ...joining, ...{ groupId: "none", memberId: "x" } }))).errorCode,
      unknown,
    );
    assert.equal((await bench.run(client.call(leaveGroup, 2, { groupId: "none", memberId: "x" }))).errorCode, unknown);
    const several = await bench.run(client.call(leaveGroup, 5, { groupId: "none", members: [{ memberId: "x" }] }));
    assert.equal(several.members[0]!.errorCode, unknown);
    assert.equal(
      (await bench.run(client.call(joinGroup, 9, { ...joining, groupId: "" }))).errorCode,
      ErrorCode.INVALID_GROUP_ID,
    );
  });

  test("go to the coordinator that FindCoordinator names, and nowhere else", async () => {
    const { bench, client } = await start(3);
    for (let version = 0; version <= findCoordinator.maxVersion; version++) {
      const request = version >= 4 ? { coordinatorKeys: ["g", "h"] } : { key: "g" };
      const answer = await bench.run(client.call(findCoordinator, version, request));
      const found = version >= 4 ? answer.coordinators[0]! : answer;
      assert.equal(found.errorCode, 0);
      assert.equal(`${found.host}:${found.port}`, bench.broker.addresses[found.nodeId - 1]);
      const elsewhere = await bench.connect((found.nodeId % 3) + 1);
      const who = { groupId: "g", memberId: "x", generationId: 1 };
      assert.equal((await bench.run(elsewhere.call(heartbeat, 4, who))).errorCode, ErrorCode.NOT_COORDINATOR);
      assert.equal((await bench.run(elsewhere.call(joinGroup, 9, joining))).errorCode, ErrorCode.NOT_COORDINATOR);
      assert.equal(
        (await bench.run(elsewhere.call(leaveGroup, 5, { groupId: "g", members: [] }))).errorCode,
        ErrorCode.NOT_COORDINATOR,
      );
    }
  });

  test("for keys of another kind are refused at once", async () => {
    const { bench, client } = await start();
    const share = await bench.run(client.call(findCoordinator, 6, { keyType: 2, coordinatorKeys: ["s"] }));
    assert.equal(share.coordinators[0]!.errorCode, ErrorCode.INVALID_REQUEST);
  });
});

describe("committed offsets", () => {
  test("come back in every version, with epoch and metadata", async () => {
    const { bench, client } = await start();
    const { memberId, generationId } = await member(bench, client);
    const { id: topicId } = bench.broker.topics()[0]!;
    for (let version = offsetCommit.minVersion; version <= offsetCommit.maxVersion; version++) {
      const epoch = version >= 6 ? { committedLeaderEpoch: 3 } : {};
      const partitions = [{ partitionIndex: 1, committedOffset: version, committedMetadata: `v${version}`, ...epoch }];
      const body = { groupId: "g", memberId, generationIdOrMemberEpoch: generationId };
      const topics = [{ name: "t", ...(version >= 10 ? { topicId } : {}), partitions }];
      const answer = await bench.run(client.call(offsetCommit, version, { ...body, topics }));
      assert.equal(answer.topics[0]!.partitions[0]!.errorCode, 0);
      assert.equal(bench.broker.groups()[0]!.offsets[0]!.offset, version);
    }
    const last = offsetCommit.maxVersion;
    for (let version = offsetFetch.minVersion; version <= offsetFetch.maxVersion; version++) {
      const wanted = [{ name: "t", ...(version >= 10 ? { topicId } : {}), partitionIndexes: [1, 0] }];
      const request = version >= 8 ? { groups: [{ groupId: "g", topics: wanted }] } : { groupId: "g", topics: wanted };
      const answer = await bench.run(client.call(offsetFetch, version, request));
      const [topic] = version >= 8 ? answer.groups[0]!.topics : answer.topics;
      const found = topic!.partitions.map((one) => [
        one.partitionIndex,
        one.committedOffset,
        one.metadata,
        one.errorCode,
      ]);
      assert.deepEqual(found, [
        [1, last, `v${last}`, 0],
        [0, -1, "", 0],
      ]);
      if (version >= 5) assert.equal(topic!.partitions[0]!.committedLeaderEpoch, 3);
    }
  });

  test("come back all for null, and none for a group that nobody knows", async () => {
    const { bench, client } = await start();
    const topics = [{ name: "t", partitions: [{ partitionIndex: 0, committedOffset: 5, committedMetadata: null }] }];
    await bench.run(client.call(offsetCommit, 8, { groupId: "simple", topics }));
    const groups = [
      { groupId: "simple", topics: null },
      { groupId: "none", topics: null },
    ];
    const answer = await bench.run(client.call(offsetFetch, 10, { groups }));
    assert.equal(answer.groups[0]!.topics[0]!.topicId, bench.broker.topics()[0]!.id);
    assert.equal(answer.groups[0]!.topics[0]!.partitions[0]!.committedOffset, 5);
    assert.deepEqual(answer.groups[1]!.topics, []);
    const old = await bench.run(client.call(offsetFetch, 2, { groupId: "simple", topics: null }));
    assert.equal(old.topics[0]!.partitions[0]!.committedOffset, 5);
  });

  test("are refused one by one where that is enough, and all where the member is not known", async () => {
    const { bench, client } = await start();
    const { memberId, generationId } = await member(bench, client);
    const part = (partitionIndex: number, metadata = ""): object => ({
      partitionIndex,
      committedOffset: 1,
      committedMetadata: metadata,
    });
    const commit = async (body: object): Promise<number[]> => {
      const topics = [
        { name: "t", partitions: [part(0, "x".repeat(4096)), part(1, "x".repeat(4097)), part(2)] },
        { name: "nope", partitions: [part(0)] },
      ];
      const answer = await bench.run(client.call(offsetCommit, 9, { groupId: "g", topics, ...body }));
      return answer.topics.flatMap((topic) => topic.partitions.map((one) => one.errorCode));
    };
    const unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    const mine = { memberId, generationIdOrMemberEpoch: generationId };
    assert.deepEqual(await commit(mine), [0, ErrorCode.OFFSET_METADATA_TOO_LARGE, unknown, unknown]);
    const all = (code: number): number[] => [code, code, code, code];
    assert.deepEqual(await commit({ ...mine, generationIdOrMemberEpoch: 0 }), all(ErrorCode.ILLEGAL_GENERATION));
    assert.deepEqual(await commit({ ...mine, memberId: "x" }), all(ErrorCode.UNKNOWN_MEMBER_ID));
    assert.deepEqual(await commit({}), all(ErrorCode.UNKNOWN_MEMBER_ID), "from outside while it has members");
    assert.deepEqual(await commit({ ...mine, groupId: "none" }), all(ErrorCode.GROUP_ID_NOT_FOUND));
    const topics = [{ topicId: "00000000-0000-0000-0000-000000000009", partitions: [part(0)] }];
    const byId = await bench.run(client.call(offsetCommit, 10, { groupId: "g", topics, ...mine }));
    assert.equal(byId.topics[0]!.partitions[0]!.errorCode, ErrorCode.UNKNOWN_TOPIC_ID);
  });

  test("go with their topic", async () => {
    const { bench, client } = await start();
    const topics = [{ name: "t", partitions: [{ partitionIndex: 0, committedOffset: 5, committedMetadata: null }] }];
    await bench.run(client.call(offsetCommit, 8, { groupId: "simple", topics }));
    await bench.broker.deleteTopic("t");
    assert.deepEqual(bench.broker.groups()[0]!.offsets, []);
  });

  test("are kept by a node that takes over", async () => {
    const { bench } = await start(2);
    const coordinator = (): number => bench.broker.groups().find((one) => one.groupId === "g")?.coordinatorId ?? 0;
    const found = await bench.run((await bench.connect()).call(findCoordinator, 4, { coordinatorKeys: ["g"] }));
    const client = await bench.connect(found.coordinators[0]!.nodeId);
    const { memberId, generationId } = await member(bench, client);
    const topics = [{ name: "t", partitions: [{ partitionIndex: 0, committedOffset: 5, committedMetadata: null }] }];
    const mine = { groupId: "g", memberId, generationIdOrMemberEpoch: generationId };
    await bench.run(client.call(offsetCommit, 8, { ...mine, topics }));
    const next = coordinator() === 1 ? 2 : 1;
    bench.broker.faults.moveCoordinator("g", next);
    const refused = await bench.run(client.call(offsetCommit, 8, { ...mine, topics }));
    assert.equal(refused.topics[0]!.partitions[0]!.errorCode, ErrorCode.NOT_COORDINATOR);
    const other = await bench.connect(next);
    const read = await bench.run(other.call(offsetFetch, 8, { groups: [{ groupId: "g", topics: null }] }));
    assert.equal(read.groups[0]!.topics[0]!.partitions[0]!.committedOffset, 5);
    const alive = await bench.run(other.call(heartbeat, 4, { groupId: "g", memberId, generationId }));
    assert.equal(alive.errorCode, 0, "members go on in their generation");
    const away = await bench.run(client.call(offsetFetch, 8, { groups: [{ groupId: "g", topics: null }] }));
    assert.equal(away.groups[0]!.errorCode, ErrorCode.NOT_COORDINATOR);
    const old = await bench.run(
      client.call(offsetFetch, 1, { groupId: "g", topics: [{ name: "t", partitionIndexes: [0] }] }),
    );
    assert.equal(old.topics[0]!.partitions[0]!.errorCode, ErrorCode.NOT_COORDINATOR, "version 1 has no other place");
  });
});
