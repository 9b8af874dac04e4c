import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import {
  type CreatePartitionsRequest,
  type CreatePartitionsResponse,
  type CreatePartitionsTopic,
  type CreatePartitionsTopicResult,
  createPartitions,
} from "../../../protocol/messages/37-create-partitions.ts";
import type { ClusterState } from "../cluster-state.ts";
import type { Handler } from "../handler.ts";
import { planPartitions, TopicRefused } from "../topic-creation.ts";

export const createPartitionsHandler: Handler<CreatePartitionsRequest, CreatePartitionsResponse> = {
  api: createPartitions,
  handle({ cluster }, request) {
    const names = request.topics.map(({ name }) => name);
    const isTwice = ({ name }: CreatePartitionsTopic): boolean => names.indexOf(name) !== names.lastIndexOf(name);
    const twice = [...new Set(request.topics.filter(isTwice).map(({ name }) => name))].map((name) => ({
      name,
      errorCode: ErrorCode.INVALID_REQUEST,
      errorMessage: `${name} is in the request more than once`,
    }));
    const once = request.topics.filter((topic) => !isTwice(topic));
    return { results: [...twice, ...once.map((topic) => grow(cluster, topic, request.validateOnly))] };
  },
  fail: (request, errorCode) => ({ results: request.topics.map(({ name }) => ({ name, errorCode })) }),
};

function grow(
  cluster: ClusterState,
  wanted: CreatePartitionsTopic,
  validateOnly: boolean,
): Draft<CreatePartitionsTopicResult> {
  const { name } = wanted;
  const topic = cluster.topicNamed(name);
  if (topic === undefined) return { name, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION };
  try {
    const replicas = planPartitions(cluster, topic, wanted);
    if (!validateOnly) cluster.growTopic(topic, replicas);
    return { name };
  } catch (error) {
    if (!(error instanceof TopicRefused)) throw error;
    return { name, errorCode: error.errorCode, errorMessage: error.message };
  }
}
