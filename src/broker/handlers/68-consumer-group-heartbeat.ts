import { ErrorCode } from "../../../protocol/errors.ts";
import {
  type ConsumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatResponse,
  consumerGroupHeartbeat,
} from "../../../protocol/messages/68-consumer-group-heartbeat.ts";
import { JOIN, LEAVE } from "../consumer-group.ts";
import { AWAY_EPOCH } from "../consumer-group-member.ts";
import { assignors } from "../consumer-group-roster.ts";
import { coordinatorError } from "../coordinated-group.ts";
import { GroupError } from "../group-error.ts";
import type { Handler } from "../handler.ts";

/** The first version in which members make their ids themselves (KIP-1082). */
const OWN_IDS_SINCE = 1;

export const consumerGroupHeartbeatHandler: Handler<ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse> = {
  api: consumerGroupHeartbeat,
  needs: "group.version",
  handle(context, request) {
    const { groupId, memberEpoch } = request;
    const { groups } = context.cluster;
    try {
      check(request, context.version);
      const errorCode = coordinatorError(context, groupId);
      if (errorCode !== ErrorCode.NONE) return { errorCode };
      if (groups.find(groupId) === undefined && memberEpoch !== JOIN) {
        throw new GroupError(ErrorCode.GROUP_ID_NOT_FOUND, `Consumer group ${groupId} not found.`);
      }
      return groups.attempt(groupId, (group) => group.consumerHeartbeat(request, context.clientId));
    } catch (error) {
      if (!(error instanceof GroupError)) throw error;
      return { errorCode: error.errorCode, errorMessage: error.message };
    }
  },
  fail: (_request, errorCode) => ({ errorCode }),
};

/** Throws a GroupError where the request could be no member's. */
function check(request: ConsumerGroupHeartbeatRequest, version: number): void {
  const { groupId, memberId, memberEpoch, instanceId, rackId, serverAssignor } = request;
  const needsId = version >= OWN_IDS_SINCE || memberEpoch > JOIN || memberEpoch === LEAVE;
  if (needsId) refuseBlank(memberId, "MemberId can't be empty.");
  refuseBlank(groupId, "GroupId can't be empty.");
  refuseBlank(instanceId, "InstanceId can't be empty.");
  refuseBlank(rackId, "RackId can't be empty.");
  if (memberEpoch === JOIN) checkJoin(request);
  else if (memberEpoch === AWAY_EPOCH) refuseIf(instanceId === null, "InstanceId can't be null.");
  else refuseIf(memberEpoch < AWAY_EPOCH, "MemberEpoch is invalid.");
  if (serverAssignor !== null && !assignors.has(serverAssignor)) {
    const message = `ServerAssignor ${serverAssignor} is not supported. Supported assignors: ${[...assignors.keys()].join(", ")}.`;
    throw new GroupError(ErrorCode.UNSUPPORTED_ASSIGNOR, message);
  }
}

function checkJoin(request: ConsumerGroupHeartbeatRequest): void {
  const { rebalanceTimeoutMs, topicPartitions, subscribedTopicNames, subscribedTopicRegex } = request;
  refuseIf(rebalanceTimeoutMs === -1, "RebalanceTimeoutMs must be provided in first request.");
  refuseIf(topicPartitions?.length !== 0, "TopicPartitions must be empty when (re-)joining.");
  const message = "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.";
  refuseIf(subscribedTopicNames === null && subscribedTopicRegex === null, message);
}

function refuseBlank(value: string | null, message: string): void {
  refuseIf(value !== null && value.trim() === "", message);
}

function refuseIf(isWrong: boolean, message: string): void {
  if (isWrong) throw new GroupError(ErrorCode.INVALID_REQUEST, message);
}
