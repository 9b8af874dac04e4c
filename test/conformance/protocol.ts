import assert from "node:assert/strict";
import type { Api } from "../../protocol/api.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { produce } from "../../protocol/messages/00-produce.ts";
import { fetch as fetchApi } from "../../protocol/messages/01-fetch.ts";
import { listOffsets } from "../../protocol/messages/02-list-offsets.ts";
import { metadata } from "../../protocol/messages/03-metadata.ts";
import { offsetCommit } from "../../protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../../protocol/messages/09-offset-fetch.ts";
import { findCoordinator } from "../../protocol/messages/10-find-coordinator.ts";
import { type JoinGroupResponse, joinGroup } from "../../protocol/messages/11-join-group.ts";
import { heartbeat } from "../../protocol/messages/12-heartbeat.ts";
import { leaveGroup } from "../../protocol/messages/13-leave-group.ts";
import { syncGroup } from "../../protocol/messages/14-sync-group.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { createTopics } from "../../protocol/messages/19-create-topics.ts";
import { deleteTopics } from "../../protocol/messages/20-delete-topics.ts";
import { initProducerId } from "../../protocol/messages/22-init-producer-id.ts";
import { Reader } from "../../protocol/reader.ts";
import { readFetched } from "../../protocol/records.ts";
import { RawClient } from "../broker/raw-client.ts";
import { conformanceTest } from "./conformance-test.ts";
import { text } from "./reading.ts";
import type { Target, TestCluster } from "./target.ts";
import { coordinatorOf, leaderOf, plainBatch, SOFTWARE, VersionedClient } from "./versioned-client.ts";

/** The bytes themselves: every version that both sides speak is answered in that version, and decodes. */
export function protocolConformance(target: Target): void {
  const test = conformanceTest(target);

  test("ApiVersions is answered in every version, with ranges that can be", async (cluster) => {
    const client = await VersionedClient.open(cluster);
    for (const version of client.versions(apiVersions)) {
      const { errorCode, apiKeys } = await client.call(apiVersions, version, version >= 3 ? SOFTWARE : {});
      assert.equal(errorCode, 0, `v${version}`);
      for (const { minVersion, maxVersion } of apiKeys) assert.ok(minVersion >= 0 && maxVersion >= minVersion);
    }
  });

  test("an ApiVersions version that the broker lacks is answered with those it has", async (cluster) => {
    const raw = await RawClient.open(cluster.transport, cluster.brokers[0]!);
    cluster.onClose(() => Promise.resolve(raw.close()));
    const future = { ...apiVersions, request: { ...apiVersions.request, encode: () => {} } };
    const frame = await raw.frame(future, 99, {});
    const view = new DataView(frame.buffer, frame.byteOffset);
    assert.equal(view.getInt16(4), ErrorCode.UNSUPPORTED_VERSION);
    const { apiKeys } = apiVersions.response.decode(...bodyOf(frame));
    assert.ok(apiKeys.some(({ apiKey, maxVersion }) => apiKey === apiVersions.key && maxVersion >= 3));
  });

  test("a client name that is no name is refused", async (cluster) => {
    const client = await VersionedClient.open(cluster);
    const { errorCode } = await client.call(apiVersions, 3, { clientSoftwareName: "", clientSoftwareVersion: "" });
    assert.equal(errorCode, ErrorCode.INVALID_REQUEST);
  });

  for (const { name, key, version } of [
    { name: "a version that the broker lacks", key: metadata.key, version: 99 },
    { name: "an API that there is not", key: 9_999, version: 0 },
  ]) {
    test(`${name} ends the connection`, async (cluster) => {
      const raw = await RawClient.open(cluster.transport, cluster.brokers[0]!);
      const frame = new DataView(new ArrayBuffer(4 + 10));
      frame.setInt32(0, 10);
      frame.setInt16(4, key);
      frame.setInt16(6, version);
      frame.setInt32(8, 1);
      frame.setInt16(12, -1);
      raw.write(new Uint8Array(frame.buffer));
      await raw.closed;
    });
  }

  test("Metadata is answered in every version", async (cluster) => {
    const { client, topic } = await leaderOf(cluster);
    for (const version of client.versions(metadata)) {
      const options = version >= 4 ? { allowAutoTopicCreation: false } : {};
      const answer = await client.call(metadata, version, { topics: [{ name: topic }], ...options });
      assert.deepEqual(
        answer.topics.map(({ name, errorCode, partitions }) => [name, errorCode, partitions.length]),
        [[topic, 0, 1]],
      );
      assert.ok(answer.brokers.length >= 1);
    }
  });

  test("Produce and Fetch carry records in every version", async (cluster) => {
    const { client, topic, topicId } = await leaderOf(cluster);
    let offset = 0;
    for (const version of client.versions(produce)) {
      const partitionData = [{ index: 0, records: plainBatch(`produced ${version}`) }];
      const answer = await client.call(produce, version, {
        acks: -1,
        timeoutMs: 10_000,
        topicData: [{ name: topic, topicId, partitionData }],
      });
      const { errorCode, baseOffset } = answer.responses[0]!.partitionResponses[0]!;
      assert.deepEqual([errorCode, baseOffset], [0, offset++], `v${version}`);
    }
    for (const version of client.versions(fetchApi)) {
      const partitions = [{ partition: 0, fetchOffset: 1, partitionMaxBytes: 1 << 20 }];
      const answer = await client.call(fetchApi, version, {
        minBytes: 1,
        maxWaitMs: 1000,
        topics: [{ topic, topicId, partitions }],
      });
      assert.equal(answer.errorCode, 0);
      const part = answer.responses[0]!.partitions[0]!;
      assert.deepEqual([part.errorCode, part.highWatermark], [0, offset], `v${version}`);
      const { records } = readFetched(part.records as Uint8Array<ArrayBuffer>, 1, null, 1 << 20);
      assert.deepEqual(text(records[0]!.value), `produced ${client.versions(produce)[1]}`);
    }
  });

  test("ListOffsets is answered in every version", async (cluster) => {
    const { client, topic } = await leaderOf(cluster);
    for (const version of client.versions(listOffsets)) {
      const partitions = [{ partitionIndex: 0, timestamp: -1 }];
      const answer = await client.call(listOffsets, version, { replicaId: -1, topics: [{ name: topic, partitions }] });
      const { errorCode, offset } = answer.topics[0]!.partitions[0]!;
      assert.deepEqual([errorCode, offset], [0, 0], `v${version}`);
    }
  });

  test("FindCoordinator and InitProducerId are answered in every version", async (cluster) => {
    const { client, group } = await coordinatorOf(cluster);
    for (const version of client.versions(findCoordinator)) {
      const body = version >= 4 ? { coordinatorKeys: [group] } : { key: group };
      const answer = await client.call(findCoordinator, version, body);
      const { errorCode, port } = version >= 4 ? answer.coordinators[0]! : answer;
      assert.equal(errorCode, 0, `v${version}`);
      assert.ok(port > 0);
    }
    for (const version of client.versions(initProducerId)) {
      const answer = await client.call(initProducerId, version, { transactionalId: null, transactionTimeoutMs: 1000 });
      assert.equal(answer.errorCode, 0, `v${version}`);
      assert.ok(answer.producerId >= 0);
    }
  });

  test("CreateTopics and DeleteTopics are answered in every version", async (cluster) => {
    const client = await VersionedClient.open(cluster);
    const versions = client.versions(createTopics);
    for (const version of versions) {
      const topics = [{ name: cluster.ownTopic(), numPartitions: 1, replicationFactor: 1 }];
      const made = await client.call(createTopics, version, { topics, timeoutMs: 10_000 });
      assert.deepEqual(
        made.topics.map(({ errorCode }) => errorCode),
        [0],
        `create v${version}`,
      );
    }
    for (const version of client.versions(deleteTopics)) {
      const name = cluster.fresh("none");
      const body = version >= 6 ? { topics: [{ name }] } : { topicNames: [name] };
      const answer = await client.call(deleteTopics, version, { ...body, timeoutMs: 1000 });
      const [only] = answer.responses;
      assert.deepEqual(
        [only!.name, only!.errorCode],
        [name, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
        `delete v${version}`,
      );
    }
  });

  test("a classic member's whole life passes in every version", async (cluster) => {
    const topic = await cluster.topic();
    const topicId = cluster.kafka().cluster.metadata.topic(topic)!.topicId;
    const { client } = await coordinatorOf(cluster);
    const latest = Math.max(
      ...[joinGroup, offsetCommit, offsetFetch].map((api) => client.versions(api as Api<unknown, unknown>).at(-1)!),
    );
    for (let version = 0; version <= latest; version++) {
      await liveAsMember(cluster, { topic, topicId }, version);
    }
  });
}

/** Where the body of an answer with header v0 begins, as a decoder wants it. */
function bodyOf(frame: Uint8Array): Parameters<typeof apiVersions.response.decode> {
  return [new Reader(frame, 4), 0];
}

async function liveAsMember(
  cluster: TestCluster,
  { topic, topicId }: { topic: string; topicId: string },
  wanted: number,
): Promise<void> {
  const { client, group: groupId } = await coordinatorOf(cluster);
  const at = <Q, R>(api: Api<Q, R>): number => client.near(api, wanted);
  const what = `group of version ${wanted}`;
  const protocols = [{ name: "any", metadata: Uint8Array.of(1) }];
  const times = { sessionTimeoutMs: cluster.sessionTimeout, rebalanceTimeoutMs: 10_000 };
  const join = (memberId: string): Promise<JoinGroupResponse> =>
    client.call(joinGroup, at(joinGroup), { groupId, ...times, memberId, protocolType: "consumer", protocols });
  let joined = await join("");
  if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) joined = await join(joined.memberId);
  assert.equal(joined.errorCode, 0, what);
  const { memberId, generationId } = joined;
  assert.deepEqual(
    joined.members.map((member) => [member.memberId, [...member.metadata]]),
    [[memberId, [1]]],
    what,
  );
  const names = at(syncGroup) >= 5 ? { protocolType: "consumer", protocolName: "any" } : {};
  const assignments = [{ memberId, assignment: Uint8Array.of(2) }];
  const synced = await client.call(syncGroup, at(syncGroup), {
    groupId,
    memberId,
    generationId,
    assignments,
    ...names,
  });
  assert.deepEqual([synced.errorCode, [...synced.assignment]], [0, [2]], what);
  assert.equal((await client.call(heartbeat, at(heartbeat), { groupId, memberId, generationId })).errorCode, 0, what);
  await commitAndFetch(client, { groupId, memberId, generationId, topic, topicId }, wanted);
  const leaving = at(leaveGroup) >= 3 ? { groupId, members: [{ memberId }] } : { groupId, memberId };
  assert.equal((await client.call(leaveGroup, at(leaveGroup), leaving)).errorCode, 0, what);
}

async function commitAndFetch(
  client: VersionedClient,
  member: { groupId: string; memberId: string; generationId: number; topic: string; topicId: string },
  wanted: number,
): Promise<void> {
  const { groupId, memberId, generationId, topic: name, topicId } = member;
  const partitions = [{ partitionIndex: 0, committedOffset: 42, committedMetadata: "m" }];
  const committed = await client.call(offsetCommit, client.near(offsetCommit, wanted), {
    ...{ groupId, memberId, generationIdOrMemberEpoch: generationId },
    topics: [{ name, topicId, partitions }],
  });
  assert.equal(committed.topics[0]!.partitions[0]!.errorCode, 0, `commit ${wanted}`);
  const version = client.near(offsetFetch, wanted);
  const topics = [{ name, topicId, partitionIndexes: [0] }];
  const fetched = await client.call(
    offsetFetch,
    version,
    version >= 8 ? { groups: [{ groupId, topics }] } : { groupId, topics },
  );
  const found = version >= 8 ? fetched.groups[0]! : fetched;
  const { committedOffset, metadata: kept, errorCode } = found.topics[0]!.partitions[0]!;
  assert.deepEqual([errorCode, committedOffset, kept], [0, 42, "m"], `fetch ${wanted}`);
}
