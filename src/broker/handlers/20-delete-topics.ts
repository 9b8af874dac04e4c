import { ErrorCode } from "../../../protocol/errors.ts";
import { type Draft, ZERO_UUID } from "../../../protocol/field.ts";
import {
  type DeletableTopicResult,
  type DeleteTopicState,
  type DeleteTopicsRequest,
  type DeleteTopicsResponse,
  deleteTopics,
} from "../../../protocol/messages/20-delete-topics.ts";
import type { ClusterState } from "../cluster-state.ts";
import type { Handler } from "../handler.ts";

export const deleteTopicsHandler: Handler<DeleteTopicsRequest, DeleteTopicsResponse> = {
  api: deleteTopics,
  handle: ({ cluster, version }, request) => ({
    responses: named(request, version).map((topic) => remove(cluster, topic)),
  }),
  fail: (request, errorCode, version) => ({
    responses: named(request, version).map(({ name, topicId }) => ({ name, topicId, errorCode })),
  }),
};

function named(request: DeleteTopicsRequest, version: number): readonly DeleteTopicState[] {
  return version >= 6 ? request.topics : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }));
}

function remove(cluster: ClusterState, { name, topicId }: DeleteTopicState): Draft<DeletableTopicResult> {
  if (name !== null && topicId !== ZERO_UUID) {
    const errorMessage = "a topic is named by its name or by its id, not by both";
    return { name, topicId, errorCode: ErrorCode.INVALID_REQUEST, errorMessage };
  }
  const topic = cluster.lookUp(name, topicId);
  if (typeof topic === "number") return { name, topicId, errorCode: topic, errorMessage: "there is no such topic" };
  cluster.deleteTopic(topic);
  return { name: topic.name, topicId: topic.id };
}
