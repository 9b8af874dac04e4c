import assert from "node:assert/strict";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Draft } from "../../protocol/field.ts";
import { offsetCommit } from "../../protocol/messages/08-offset-commit.ts";
import { type OffsetFetchRequestGroup, offsetFetch } from "../../protocol/messages/09-offset-fetch.ts";
import { leaveGroup } from "../../protocol/messages/13-leave-group.ts";
import { describeGroups } from "../../protocol/messages/15-describe-groups.ts";
import { listGroups } from "../../protocol/messages/16-list-groups.ts";
import { createTopics } from "../../protocol/messages/19-create-topics.ts";
import { deleteTopics } from "../../protocol/messages/20-delete-topics.ts";
import { deleteGroups } from "../../protocol/messages/42-delete-groups.ts";
import { offsetDelete } from "../../protocol/messages/47-offset-delete.ts";
import {
  type ConsumerGroupHeartbeatRequest,
  consumerGroupHeartbeat,
} from "../../protocol/messages/68-consumer-group-heartbeat.ts";
import {
  consumerGroupDescribe,
  type DescribedConsumerGroup,
} from "../../protocol/messages/69-consumer-group-describe.ts";
import { conformanceTest } from "./conformance-test.ts";
import { beatUntil, RawClassicMember, RawMember, REBALANCE } from "./raw-members.ts";
import type { Target, TestCluster } from "./target.ts";
import { coordinatorOf, type VersionedClient } from "./versioned-client.ts";

/** A topic of four partitions, and a connection to the coordinator of a group that nobody is in. */
async function scene(
  cluster: TestCluster,
): Promise<{ client: VersionedClient; group: string; topic: string; topicId: string }> {
  const topic = await cluster.topic(4);
  await cluster.kafka().admin().describeTopics([topic]);
  const { client, group } = await coordinatorOf(cluster);
  return { client, group, topic, topicId: cluster.kafka().cluster.metadata.topic(topic)!.topicId };
}

async function described(client: VersionedClient, groupId: string): Promise<DescribedConsumerGroup> {
  return (await client.call(consumerGroupDescribe, 1, { groupIds: [groupId] })).groups[0]!;
}

/** The groups' newer protocol (KIP-848), as a client of any make sees it. */
export function consumerGroupConformance(target: Target): void {
  if (!target.groupProtocols.includes("consumer")) return;
  const test = conformanceTest(target);

  test("a member joins, is given everything, and leaves, in every version", async (cluster) => {
    const { client, topic } = await scene(cluster);
    for (const version of client.versions(consumerGroupHeartbeat)) {
      const { client: coordinator, group } = await coordinatorOf(cluster);
      const member = new RawMember(coordinator, group, version === 0 ? "" : undefined);
      assert.equal(await member.join([topic], {}, version), 0);
      assert.notEqual(member.memberId, "");
      assert.ok(member.epoch > 0);
      await beatUntil([member], () => member.partitions.length === 4);
      const { groupState, groupEpoch, assignmentEpoch, assignorName, members } = await described(coordinator, group);
      assert.deepEqual([groupState, groupEpoch, assignorName], ["Stable", assignmentEpoch, "uniform"]);
      const [only] = members;
      assert.deepEqual([only!.memberEpoch, only!.memberType, only!.subscribedTopicNames], [member.epoch, 1, [topic]]);
      assert.deepEqual(only!.assignment, only!.targetAssignment);
      assert.deepEqual(only!.assignment.topicPartitions[0]!.partitions.toSorted(), [0, 1, 2, 3]);
      assert.equal(await member.leave(), 0);
      assert.equal((await described(coordinator, group)).groupState, "Empty");
    }
  });

  test("a partition is taken from one member before it is given to another", async (cluster) => {
    const { client, group, topic } = await scene(cluster);
    const [a, b] = [new RawMember(client, group), new RawMember(client, group)];
    await a.join([topic]);
    await beatUntil([a], () => a.partitions.length === 4);
    assert.equal(await b.join([topic]), 0);
    assert.deepEqual(b.partitions, []);
    const before = [...a.owned];
    let told: readonly number[] | undefined;
    while (told === undefined) {
      const answer = await a.send({ memberEpoch: a.epoch });
      told = answer.assignment?.topicPartitions.flatMap(({ partitions }) => partitions);
      assert.equal(answer.memberEpoch, a.epoch, "it stays in its epoch until it has let go");
    }
    assert.equal(told.length, 2);
    const held = before.map(([topicId, partitions]) => ({ topicId, partitions }));
    assert.equal((await a.send({ memberEpoch: a.epoch, topicPartitions: held })).memberEpoch, a.epoch);
    await b.beat();
    assert.deepEqual(b.partitions, [], "nothing is free while the first one names it");
    await a.beat({ topicPartitions: [{ topicId: before[0]![0], partitions: told }] });
    await beatUntil([b], () => b.partitions.length === 2);
    assert.equal(a.epoch, b.epoch);
    assert.deepEqual([...told, ...b.partitions].sort(), [0, 1, 2, 3]);
  });

  test("a member that does not let go within its rebalance timeout is put out", async (cluster) => {
    const { client, group, topic } = await scene(cluster);
    const [a, b] = [new RawMember(client, group), new RawMember(client, group)];
    await a.join([topic], { rebalanceTimeoutMs: 1_000 });
    await beatUntil([a], () => a.partitions.length === 4);
    await b.join([topic]);
    for (;;) {
      const { errorCode } = await a.send({ memberEpoch: a.epoch });
      if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID) break;
      assert.equal(errorCode, 0);
      await b.beat();
    }
    await beatUntil([b], () => b.partitions.length === 4);
  });

  test("requests that no member could send are refused, each with its own error", async (cluster) => {
    const { client, group, topic } = await scene(cluster);
    const member = new RawMember(client, group);
    await member.join([topic]);
    const joins = { memberEpoch: 0, rebalanceTimeoutMs: REBALANCE, subscribedTopicNames: [topic], topicPartitions: [] };
    const going = { memberEpoch: member.epoch };
    const cases: [string, Draft<ConsumerGroupHeartbeatRequest>, number][] = [
      ["no member id", { ...joins, memberId: "" }, ErrorCode.INVALID_REQUEST],
      ["no group", { ...joins, groupId: "" }, ErrorCode.INVALID_REQUEST],
      ["a join without a timeout", { ...joins, rebalanceTimeoutMs: -1 }, ErrorCode.INVALID_REQUEST],
      ["a join without topics", { ...joins, subscribedTopicNames: null }, ErrorCode.INVALID_REQUEST],
      ["a join with partitions unsaid", { ...joins, topicPartitions: null }, ErrorCode.INVALID_REQUEST],
      ["epoch -3", { memberEpoch: -3 }, ErrorCode.INVALID_REQUEST],
      ["leaving for a while without an instance", { memberEpoch: -2 }, ErrorCode.INVALID_REQUEST],
      ["an assignor that there is not", { ...going, serverAssignor: "none" }, ErrorCode.UNSUPPORTED_ASSIGNOR],
      ["a broken pattern", { ...going, subscribedTopicRegex: "a(" }, ErrorCode.INVALID_REGULAR_EXPRESSION],
      [
        "a pattern with a look ahead",
        { ...going, subscribedTopicRegex: "a(?=b)" },
        ErrorCode.INVALID_REGULAR_EXPRESSION,
      ],
      ["an epoch to come", { memberEpoch: member.epoch + 1 }, ErrorCode.FENCED_MEMBER_EPOCH],
      ["an epoch long gone", { memberEpoch: member.epoch - 1 }, ErrorCode.FENCED_MEMBER_EPOCH],
      ["an unknown member", { ...going, memberId: "x" }, ErrorCode.UNKNOWN_MEMBER_ID],
      ["an unknown member that leaves", { memberEpoch: -1, memberId: "x" }, ErrorCode.UNKNOWN_MEMBER_ID],
      ["an unknown instance", { ...going, instanceId: "x" }, ErrorCode.UNKNOWN_MEMBER_ID],
    ];
    for (const [what, fields, code] of cases) {
      const answer = await member.send(fields);
      assert.equal(answer.errorCode, code, what);
    }
    assert.equal(await member.beat(), 0, "and the member goes on");
    const none = await coordinatorOf(cluster);
    const lost = new RawMember(none.client, none.group);
    assert.equal(await lost.beat({ memberEpoch: 1 }), ErrorCode.GROUP_ID_NOT_FOUND);
    assert.equal(await lost.leave(), ErrorCode.GROUP_ID_NOT_FOUND);
  });

  test("a static member keeps its place, and its id from others, until it leaves or its session ends", async (cluster) => {
    const { client, group, topic } = await scene(cluster);
    const one = new RawMember(client, group, "one", "i");
    await one.join([topic]);
    await beatUntil([one], () => one.partitions.length === 4);
    const twin = new RawMember(client, group, "twin", "i");
    assert.equal(await twin.join([topic]), ErrorCode.UNRELEASED_INSTANCE_ID);
    assert.equal(await twin.beat({ memberEpoch: one.epoch }), ErrorCode.FENCED_INSTANCE_ID);
    assert.equal(await twin.leave(-2), ErrorCode.FENCED_INSTANCE_ID);
    assert.equal((await new RawMember(client, group, "one", "i").send({ memberEpoch: -2 })).memberEpoch, -2);
    assert.equal(await twin.join([topic]), 0);
    assert.deepEqual([twin.epoch, twin.partitions], [one.epoch, [0, 1, 2, 3]], "at once, as it was");
    assert.equal(await one.beat(), ErrorCode.FENCED_INSTANCE_ID);
    assert.equal(await twin.leave(), 0);
    assert.equal((await described(client, group)).groupState, "Empty");
  });

  test("members commit in their epoch, and nobody else does", async (cluster) => {
    const { client, group, topic, topicId } = await scene(cluster);
    const member = new RawMember(client, group);
    await member.join([topic]);
    await beatUntil([member], () => member.partitions.length === 4);
    const { memberId, epoch } = member;
    const commit = async (version: number, who: object, at: VersionedClient = client): Promise<number> => {
      const partitions = [{ partitionIndex: 0, committedOffset: 7, committedMetadata: "m" }];
      const body = { groupId: group, topics: [{ name: topic, topicId, partitions }], ...who };
      return (await at.call(offsetCommit, version, body)).topics[0]!.partitions[0]!.errorCode;
    };
    for (const version of client.versions(offsetCommit)) {
      const code = await commit(version, { memberId, generationIdOrMemberEpoch: epoch });
      assert.equal(code, version < 9 ? ErrorCode.UNSUPPORTED_VERSION : 0, `v${version}`);
    }
    const stale = { memberId, generationIdOrMemberEpoch: epoch + 1 };
    assert.equal(await commit(9, stale), ErrorCode.STALE_MEMBER_EPOCH);
    assert.equal(await commit(9, { memberId, generationIdOrMemberEpoch: 0 }), ErrorCode.STALE_MEMBER_EPOCH);
    assert.equal(await commit(9, { memberId: "x", generationIdOrMemberEpoch: epoch }), ErrorCode.UNKNOWN_MEMBER_ID);
    assert.equal(await commit(9, {}), ErrorCode.UNKNOWN_MEMBER_ID, "from outside while somebody is in it");

    const fetch = async (who: Draft<OffsetFetchRequestGroup>): Promise<number[]> => {
      const groups = [{ groupId: group, topics: [{ name: topic, partitionIndexes: [0] }], ...who }];
      const [answer] = (await client.call(offsetFetch, 9, { groups })).groups;
      return [
        answer!.errorCode,
        ...answer!.topics.flatMap((one) => one.partitions.map((part) => part.committedOffset)),
      ];
    };
    assert.deepEqual(await fetch({}), [0, 7], "whoever does not say who it is may read");
    assert.deepEqual(await fetch({ memberId, memberEpoch: epoch }), [0, 7]);
    assert.deepEqual(await fetch({ memberId, memberEpoch: epoch + 1 }), [ErrorCode.STALE_MEMBER_EPOCH]);
    assert.deepEqual(await fetch({ memberId: "x", memberEpoch: epoch }), [ErrorCode.UNKNOWN_MEMBER_ID]);
    await member.leave();
    assert.equal(await commit(9, {}), 0, "from outside when nobody is");
    const none = await coordinatorOf(cluster);
    const elsewhere = { groupId: none.group, memberId, generationIdOrMemberEpoch: epoch };
    assert.equal(await commit(9, elsewhere, none.client), ErrorCode.GROUP_ID_NOT_FOUND);
    assert.equal(await commit(8, elsewhere, none.client), ErrorCode.ILLEGAL_GENERATION);
  });

  test("a pattern is followed on the broker, to topics that come, grow and go", async (cluster) => {
    const { client, group } = await coordinatorOf(cluster);
    const prefix = cluster.ownTopic("pattern");
    const create = async (name: string): Promise<void> => {
      cluster.onClose(async () => {
        await client.call(deleteTopics, 5, { topicNames: [name], timeoutMs: 10_000 });
      });
      const topics = [{ name, numPartitions: 1, replicationFactor: 1 }];
      await client.call(createTopics, 5, { topics, timeoutMs: 10_000 });
    };
    await create(`${prefix}-1`);
    const member = new RawMember(client, group);
    assert.equal(await member.join(null, { subscribedTopicRegex: `${prefix}-.*` }), 0);
    await beatUntil([member], () => member.owned.size === 1);
    // A coordinator may look for topics every ten seconds only.
    await create(`${prefix}-2`);
    await beatUntil([member], () => member.owned.size === 2);
    await client.call(deleteTopics, 5, { topicNames: [`${prefix}-1`], timeoutMs: 10_000 });
    await beatUntil([member], () => member.owned.size === 1);
    assert.equal((await described(client, group)).members[0]!.subscribedTopicRegex, `${prefix}-.*`);
    await member.leave();
  });

  test("a group goes over to the newer protocol with its members, and back with the last of them", async (cluster) => {
    const { client, group, topic } = await scene(cluster);
    const old = new RawClassicMember(client, group, topic);
    await old.join();
    await old.sync([0, 1, 2, 3]);
    const young = new RawMember(client, group);
    assert.equal(await young.join([topic]), 0);
    assert.equal((await described(client, group)).members.length, 2);
    while (old.partitions.length !== 2 || young.partitions.length !== 2) {
      await old.follow();
      assert.equal(await young.beat(), 0);
      const both = [...old.partitions, ...young.partitions];
      assert.equal(new Set(both).size, both.length, "never two of them have one");
    }
    assert.deepEqual([...old.partitions, ...young.partitions].sort(), [0, 1, 2, 3]);
    const types = (await described(client, group)).members.map(({ memberType }) => memberType);
    assert.deepEqual(types.sort(), [0, 1]);
    assert.equal(
      (await new RawClassicMember(client, group, topic).join("connect")).errorCode,
      ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
    );

    assert.equal(await young.leave(), 0);
    assert.equal((await described(client, group)).errorCode, ErrorCode.GROUP_ID_NOT_FOUND);
    assert.equal(await old.beat(), ErrorCode.REBALANCE_IN_PROGRESS);
    const joined = await old.join();
    assert.deepEqual([joined.errorCode, joined.leader, joined.members.length], [0, old.memberId, 1]);
    await old.sync([0, 1, 2, 3]);
    assert.equal(await old.beat(), 0);
    assert.equal(await young.beat(), ErrorCode.GROUP_ID_NOT_FOUND);
  });

  test("groups of both kinds are described, listed and deleted each in its way", async (cluster) => {
    const { client, group, topic } = await scene(cluster);
    const member = new RawMember(client, group);
    await member.join([topic]);
    await beatUntil([member], () => member.partitions.length === 4);
    const [dead] = (await client.call(describeGroups, 5, { groups: [group] })).groups;
    assert.deepEqual([dead!.errorCode, dead!.groupState], [0, "Dead"], "to those who know classic groups only");
    const [foreign] = (await client.call(describeGroups, 6, { groups: [group] })).groups;
    assert.equal(foreign!.errorCode, ErrorCode.GROUP_ID_NOT_FOUND);
    const list = async (filter: object): Promise<object[]> =>
      (await client.call(listGroups, 5, filter)).groups.filter(({ groupId }) => groupId === group);
    const listed = [{ groupId: group, protocolType: "consumer", groupState: "Stable", groupType: "consumer" }];
    assert.deepEqual(await list({}), listed);
    assert.deepEqual(await list({ statesFilter: ["stable"], typesFilter: ["Consumer"] }), listed);
    assert.deepEqual(await list({ typesFilter: ["classic"] }), []);
    assert.deepEqual(await list({ statesFilter: ["Empty"] }), []);

    const remove = async (): Promise<number> =>
      (await client.call(deleteGroups, 2, { groupsNames: [group] })).results[0]!.errorCode;
    const forget = (): Promise<{
      errorCode: number;
      topics: readonly { partitions: readonly { errorCode: number }[] }[];
    }> =>
      client.call(offsetDelete, 0, {
        groupId: group,
        topics: [{ name: topic, partitions: [{ partitionIndex: 0 }, { partitionIndex: 9 }] }],
      });
    assert.equal(await remove(), ErrorCode.NON_EMPTY_GROUP);
    const codes = async (): Promise<number[]> =>
      (await forget()).topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode)).sort();
    const unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    assert.deepEqual(await codes(), [unknown, ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC]);
    const left = await client.call(leaveGroup, 5, { groupId: group, members: [{ memberId: member.memberId }] });
    assert.equal(left.members[0]!.errorCode, 0, "an administrator may put it out");
    assert.deepEqual(await codes(), [0, unknown]);
    assert.equal(await remove(), 0);
    assert.equal(await remove(), ErrorCode.GROUP_ID_NOT_FOUND);
    assert.equal((await forget()).errorCode, ErrorCode.GROUP_ID_NOT_FOUND);
    assert.deepEqual(await list({}), []);
  });
}
