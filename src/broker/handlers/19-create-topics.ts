import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import {
  type CreatableTopic,
  type CreatableTopicConfigs,
  type CreatableTopicResult,
  type CreateTopicsRequest,
  type CreateTopicsResponse,
  createTopics,
} from "../../../protocol/messages/19-create-topics.ts";
import type { ClusterState } from "../cluster-state.ts";
import type { Handler } from "../handler.ts";
import { completeConfigs, type TopicConfigs } from "../topic-configs.ts";
import { planTopic, TopicRefused } from "../topic-creation.ts";

/** Where a configuration's value comes from, as DescribeConfigs counts. */
const FROM_TOPIC = 1;
const FROM_BROKER = 4;
const FROM_DEFAULT = 5;

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
      configs: describeConfigs(configs, cluster.settings.topicDefaults),
    };
  } catch (error) {
    if (!(error instanceof TopicRefused)) throw error;
    return { name: wanted.name, errorCode: error.errorCode, errorMessage: error.message };
  }
}

function describeConfigs(own: TopicConfigs, defaults: TopicConfigs): Draft<CreatableTopicConfigs>[] {
  return Object.entries(completeConfigs({ ...defaults, ...own })).map(([name, value]) => ({
    name,
    value,
    configSource: name in own ? FROM_TOPIC : name in defaults ? FROM_BROKER : FROM_DEFAULT,
  }));
}
