import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import {
  type ConsumerGroupDescribeRequest,
  type ConsumerGroupDescribeResponse,
  consumerGroupDescribe,
  type DescribedAssignment,
  type DescribedConsumerGroup,
  type DescribedConsumerGroupMember,
} from "../../../protocol/messages/69-consumer-group-describe.ts";
import type { ClusterState } from "../cluster-state.ts";
import {
  type ConsumerMember,
  listPartitions,
  type OwnedPartitions,
  type PartitionSets,
} from "../consumer-group-member.ts";
import type { ConsumerRoster } from "../consumer-group-roster.ts";
import { coordinatorError } from "../coordinated-group.ts";
import type { Handler, RequestContext } from "../handler.ts";

/** Member types. */
const CLASSIC = 0;
const CONSUMER = 1;

export const consumerGroupDescribeHandler: Handler<ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse> = {
  api: consumerGroupDescribe,
  needs: "group.version",
  handle: (context, { groupIds }) => ({ groups: groupIds.map((groupId) => describe(context, groupId)) }),
  fail: ({ groupIds }, errorCode) => ({ groups: groupIds.map((groupId) => ({ groupId, errorCode })) }),
};

function describe(context: RequestContext, groupId: string): Draft<DescribedConsumerGroup> {
  const errorCode = groupId === "" ? ErrorCode.INVALID_GROUP_ID : coordinatorError(context, groupId);
  if (errorCode !== ErrorCode.NONE) return { groupId, errorCode };
  const members = context.cluster.groups.find(groupId)?.members;
  if (members?.kind !== "consumer") {
    const errorMessage =
      members === undefined ? `Group ${groupId} not found.` : `Group ${groupId} is not a consumer group.`;
    return { groupId, errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage };
  }
  const { roster } = members;
  return {
    groupId,
    groupState: roster.state,
    groupEpoch: roster.groupEpoch,
    assignmentEpoch: roster.assignmentEpoch,
    assignorName: roster.assignorName,
    members: members.members.map((member) => describeMember(context.cluster, roster, member)),
  };
}

function describeMember(
  cluster: ClusterState,
  roster: ConsumerRoster,
  member: ConsumerMember,
): Draft<DescribedConsumerGroupMember> {
  const { memberId, instanceId, rackId, epoch, clientId, topicNames, topicRegex, classic } = member;
  return {
    memberId,
    instanceId,
    rackId,
    memberEpoch: epoch,
    clientId,
    subscribedTopicNames: topicNames,
    subscribedTopicRegex: topicRegex,
    assignment: describeAssignment(cluster, held(member)),
    targetAssignment: describeAssignment(cluster, roster.targetOf(memberId)),
    memberType: classic === undefined ? CONSUMER : CLASSIC,
  };
}

/** All that nobody else can get: what the member is still to give up is its own. */
function held({ assigned, pendingRevocation }: ConsumerMember): OwnedPartitions {
  const all = new Map(assigned);
  for (const [topicId, partitions] of pendingRevocation) {
    all.set(topicId, new Map([...(all.get(topicId) ?? []), ...partitions]));
  }
  return all;
}

function describeAssignment(
  cluster: ClusterState,
  partitions: OwnedPartitions | PartitionSets,
): Draft<DescribedAssignment> {
  const topicPartitions = listPartitions(partitions).flatMap(({ topicId, partitions: ids }) => {
    const topicName = cluster.topicById(topicId)?.name;
    return topicName === undefined ? [] : [{ topicId, topicName, partitions: ids }];
  });
  return { topicPartitions };
}
