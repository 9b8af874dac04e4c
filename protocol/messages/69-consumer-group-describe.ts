import { type Api, api } from "../api.ts";
import { array, boolean, type Field, int8, int16, int32, string, struct, uuid } from "../field.ts";

/** Asks a coordinator about consumer groups (KIP-848). Classic ones have DescribeGroups. */
export interface ConsumerGroupDescribeRequest {
  readonly groupIds: readonly string[];
  readonly includeAuthorizedOperations: boolean;
}

export interface ConsumerGroupDescribeResponse {
  readonly throttleTimeMs: number;
  readonly groups: readonly DescribedConsumerGroup[];
}

export interface DescribedConsumerGroup {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly groupId: string;
  /** "Empty", "Assigning", "Reconciling", "Stable" or "Dead". */
  readonly groupState: string;
  /** Rises with each change of the members or what they want. */
  readonly groupEpoch: number;
  /** The group epoch for which the target assignment was made. */
  readonly assignmentEpoch: number;
  readonly assignorName: string;
  readonly members: readonly DescribedConsumerGroupMember[];
  /** A bit for each operation; the smallest 32-bit number: not asked for. */
  readonly authorizedOperations: number;
}

export interface DescribedConsumerGroupMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly memberEpoch: number;
  readonly clientId: string;
  readonly clientHost: string;
  readonly subscribedTopicNames: readonly string[];
  readonly subscribedTopicRegex: string | null;
  /** What it has. */
  readonly assignment: DescribedAssignment;
  /** What it is to have. */
  readonly targetAssignment: DescribedAssignment;
  /** 0 classic protocol, 1 consumer protocol; -1: not said. */
  readonly memberType: number;
}

export interface DescribedAssignment {
  readonly topicPartitions: readonly DescribedTopicPartitions[];
}

export interface DescribedTopicPartitions {
  readonly topicId: string;
  readonly topicName: string;
  readonly partitions: readonly number[];
}

const describedAssignment: Field<DescribedAssignment> = struct<DescribedAssignment>({
  topicPartitions: array(
    struct<DescribedTopicPartitions>({
      topicId: uuid,
      topicName: string,
      partitions: array(int32),
    }),
  ),
});

export const consumerGroupDescribe: Api<ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse> = api({
  key: 69,
  name: "ConsumerGroupDescribe",
  versions: [0, 1],
  flexibleSince: 0,
  request: struct<ConsumerGroupDescribeRequest>({
    groupIds: array(string),
    includeAuthorizedOperations: boolean,
  }),
  response: struct<ConsumerGroupDescribeResponse>({
    throttleTimeMs: int32,
    groups: array(
      struct<DescribedConsumerGroup>({
        errorCode: int16,
        errorMessage: string.nullable().default(null),
        groupId: string,
        groupState: string,
        groupEpoch: int32,
        assignmentEpoch: int32,
        assignorName: string,
        members: array(
          struct<DescribedConsumerGroupMember>({
            memberId: string,
            instanceId: string.nullable().default(null),
            rackId: string.nullable().default(null),
            memberEpoch: int32,
            clientId: string,
            clientHost: string,
            subscribedTopicNames: array(string),
            subscribedTopicRegex: string.nullable().default(null),
            assignment: describedAssignment,
            targetAssignment: describedAssignment,
            memberType: int8.since(1).default(-1).ignorable(),
          }),
        ),
        authorizedOperations: int32.default(-2_147_483_648),
      }),
    ),
  }),
});
