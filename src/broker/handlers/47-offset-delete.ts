import { ErrorCode } from "../../../protocol/errors.ts";
import {
  type OffsetDeleteRequest,
  type OffsetDeleteResponse,
  offsetDelete,
} from "../../../protocol/messages/47-offset-delete.ts";
import { CONSUMER_PROTOCOL } from "../classic-subscriptions.ts";
import { coordinatorError } from "../coordinated-group.ts";
import type { Group } from "../group.ts";
import type { Handler, RequestContext } from "../handler.ts";

export const offsetDeleteHandler: Handler<OffsetDeleteRequest, OffsetDeleteResponse> = {
  api: offsetDelete,
  handle(context, { groupId, topics }) {
    const group = deletableFrom(context, groupId);
    if (typeof group === "number") return { errorCode: group };
    const remove = (name: string, partitionIndex: number): number => {
      const topic = context.cluster.topicNamed(name);
      if (topic?.partitions[partitionIndex] === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      if (group.isSubscribedTo(name)) return ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC;
      group.offsets.delete(name, partitionIndex);
      return ErrorCode.NONE;
    };
    const results = topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => {
        return { partitionIndex, errorCode: remove(name, partitionIndex) };
      }),
    }));
    group.offsets.save();
    return { topics: results };
  },
  fail: (_request, errorCode) => ({ errorCode }),
};

/** A group of which it is known what its members want, or a Kafka error code. */
function deletableFrom(context: RequestContext, groupId: string): Group | number {
  const errorCode = coordinatorError(context, groupId);
  if (errorCode !== ErrorCode.NONE) return errorCode;
  const group = context.cluster.groups.find(groupId);
  if (group === undefined) return ErrorCode.GROUP_ID_NOT_FOUND;
  const { members } = group;
  const isForeign = members.kind === "classic" && !members.isEmpty && members.protocolType !== CONSUMER_PROTOCOL;
  return isForeign ? ErrorCode.NON_EMPTY_GROUP : group;
}
