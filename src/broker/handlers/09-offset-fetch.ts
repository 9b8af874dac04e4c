import { ErrorCode } from "../../../protocol/errors.ts";
import { type Draft, ZERO_UUID } from "../../../protocol/field.ts";
import {
  type OffsetFetchRequest,
  type OffsetFetchRequestGroup,
  type OffsetFetchResponse,
  type OffsetFetchResponseGroup,
  type OffsetFetchResponsePartitions,
  offsetFetch,
} from "../../../protocol/messages/09-offset-fetch.ts";
import { coordinatorError } from "../coordinated-group.ts";
import type { Handler, RequestContext } from "../handler.ts";
import type { CommittedOffset, GroupOffsets } from "../offsets.ts";

/** The first version that asks for several groups, and has the first one's fields in a list. */
const GROUPS_SINCE = 8;
/** The first version whose answer has a place for a group's error. */
const GROUP_ERROR_SINCE = 2;

export const offsetFetchHandler: Handler<OffsetFetchRequest, OffsetFetchResponse> = {
  api: offsetFetch,
  handle(context, request) {
    if (context.version >= GROUPS_SINCE) {
      return { groups: request.groups.map((group) => ofGroup(context, group, request.requireStable)) };
    }
    const wanted = request.topics?.map((topic) => ({ ...topic, topicId: ZERO_UUID })) ?? null;
    const group = { groupId: request.groupId, memberId: null, memberEpoch: -1, topics: wanted };
    const { topics, errorCode } = ofGroup(context, group, request.requireStable);
    if (errorCode) return failAll(request, errorCode, context.version);
    return { topics: topics?.map(({ name, partitions }) => ({ name, partitions })) };
  },
  fail: failAll,
};

function ofGroup(
  context: RequestContext,
  request: OffsetFetchRequestGroup,
  requireStable: boolean,
): Draft<OffsetFetchResponseGroup> {
  const { groupId, memberId, memberEpoch, topics: wanted } = request;
  const group = context.cluster.groups.find(groupId);
  const errorCode =
    groupId === ""
      ? ErrorCode.INVALID_GROUP_ID
      : coordinatorError(context, groupId) || (group?.fetchError(memberId, memberEpoch) ?? ErrorCode.NONE);
  if (errorCode !== ErrorCode.NONE) return { groupId, errorCode };
  const offsets = group?.offsets;
  if (wanted === null) return { groupId, topics: all(context, offsets, requireStable) };
  const topics = wanted.map(({ name, topicId, partitionIndexes }) => {
    // A name that no topic has is answered all the same: there is just nothing committed for it.
    const topic = topicId === ZERO_UUID ? name : context.cluster.topicById(topicId)?.name;
    const partitions = partitionIndexes.map((index) => {
      if (topic === undefined) return { ...describe(index, undefined), errorCode: ErrorCode.UNKNOWN_TOPIC_ID };
      return look(offsets, topic, index, requireStable);
    });
    return { name, topicId, partitions };
  });
  return { groupId, topics };
}

function all(
  { cluster }: RequestContext,
  offsets: GroupOffsets | undefined,
  requireStable: boolean,
): Draft<OffsetFetchResponseGroup["topics"]> {
  return [...(offsets?.topics ?? [])].map(([name, partitions]) => ({
    name,
    topicId: cluster.topicNamed(name)?.id,
    partitions: [...partitions.keys()].map((index) => look(offsets, name, index, requireStable)),
  }));
}

/** `requireStable`: no offset that an open transaction may be about to replace (KIP-447). */
function look(
  offsets: GroupOffsets | undefined,
  topic: string,
  index: number,
  requireStable: boolean,
): OffsetFetchResponsePartitions {
  if (requireStable && offsets?.isPending(topic, index) === true) {
    return { ...describe(index, undefined), errorCode: ErrorCode.UNSTABLE_OFFSET_COMMIT };
  }
  return describe(index, offsets?.get(topic, index));
}

function describe(partitionIndex: number, committed: CommittedOffset | undefined): OffsetFetchResponsePartitions {
  return {
    partitionIndex,
    committedOffset: committed?.offset ?? -1,
    committedLeaderEpoch: committed?.leaderEpoch ?? -1,
    metadata: committed?.metadata ?? "",
    errorCode: ErrorCode.NONE,
  };
}

function failAll(request: OffsetFetchRequest, errorCode: number, version: number): Draft<OffsetFetchResponse> {
  if (version >= GROUPS_SINCE) return { groups: request.groups.map(({ groupId }) => ({ groupId, errorCode })) };
  if (version >= GROUP_ERROR_SINCE) return { errorCode };
  const topics = (request.topics ?? []).map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((index) => ({ ...describe(index, undefined), errorCode })),
  }));
  return { topics };
}
