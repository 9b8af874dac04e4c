import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import {
  type CreatableTopic,
  type CreatableTopicResult,
  type CreateTopicsRequest,
  type CreateTopicsResponse,
  createTopics,
} from "../../../protocol/messages/19-create-topics.ts";
import type { ClusterState } from "../cluster-state.ts";
import { topicConfigEntries } from "../config-entry.ts";
import type { Handler } from "../handler.ts";
import { planTopic, TopicRefused } from "../topic-creation.ts";

export const createTopicsHandler: Handler<CreateTopicsRequest, CreateTopicsResponse> = {
  api: createTopics,
  handle({ cluster }, request) {
    const counts = new Map<string, number>();
    for (const { name } of request.topics) counts.set(name, (counts.get(name) ?? 0) + 1);
    const twice = [...counts]
      .filter(([, count]) => count > 1)
      .map(([name]) => ({
        name,
        errorCode: ErrorCode.INVALID_REQUEST,
        errorMessage: `${name} is in the request more than once`,
      }));
    const once = request.topics.filter(({ name }) => counts.get(name) === 1);
    return { topics: [...twice, ...once.map((topic) => create(cluster, topic, request.validateOnly))] };
  },
  fail: (request, errorCode) => ({ topics: request.topics.map(({ name }) => ({ name, errorCode })) }),
};

function create(cluster: ClusterState, wanted: CreatableTopic, validateOnly: boolean): Draft<CreatableTopicResult> {
  try {
    const { name, replicas, configs } = planTopic(cluster, wanted);
    const topicId = validateOnly ? undefined : cluster.addTopic(name, replicas, configs).id;
    return {
      name,
      topicId,
      errorMessage: null,
      numPartitions: replicas.length,
      replicationFactor: replicas[0]!.length,
      configs: topicConfigEntries(configs, cluster.settings.topicDefaults).map(({ name, value, configSource }) => ({
        name,
        value,
        configSource,
      })),
    };
  } catch (error) {
    if (!(error instanceof TopicRefused)) throw error;
    return { name: wanted.name, errorCode: error.errorCode, errorMessage: error.message };
  }
}
