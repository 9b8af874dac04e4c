import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import {
  type DescribeConfigsRequest,
  type DescribeConfigsResource,
  type DescribeConfigsResourceResult,
  type DescribeConfigsResponse,
  type DescribeConfigsResult,
  describeConfigs,
} from "../../../protocol/messages/32-describe-configs.ts";
import type { ClusterState } from "../cluster-state.ts";
import { BROKER, brokerConfigEntries, type ConfigEntry, TOPIC, topicConfigEntries } from "../config-entry.ts";
import type { Handler } from "../handler.ts";

export const describeConfigsHandler: Handler<DescribeConfigsRequest, DescribeConfigsResponse> = {
  api: describeConfigs,
  handle: ({ cluster, nodeId }, { resources, includeSynonyms }) => ({
    results: resources.map((resource) => describe(cluster, nodeId, resource, includeSynonyms)),
  }),
  fail: ({ resources }, errorCode) => ({
    results: resources.map(({ resourceType, resourceName }) => ({ resourceType, resourceName, errorCode })),
  }),
};

function describe(
  cluster: ClusterState,
  nodeId: number,
  resource: DescribeConfigsResource,
  includeSynonyms: boolean,
): Draft<DescribeConfigsResult> {
  const { resourceType, resourceName, configurationKeys } = resource;
  const entries = entriesOf(cluster, nodeId, resource);
  if ("errorCode" in entries) return { resourceType, resourceName, ...entries };
  const wanted = entries.filter(({ name }) => configurationKeys === null || configurationKeys.includes(name));
  return {
    resourceType,
    resourceName,
    errorMessage: null,
    configs: wanted.map((entry): Draft<DescribeConfigsResourceResult> => {
      const { name, value, configSource, configType } = entry;
      const synonyms = includeSynonyms ? [{ name, value, source: configSource }] : [];
      return {
        name,
        value,
        configSource,
        configType,
        synonyms,
        documentation: null,
        readOnly: resourceType === BROKER,
      };
    }),
  };
}

function entriesOf(
  cluster: ClusterState,
  nodeId: number,
  { resourceType, resourceName }: DescribeConfigsResource,
): readonly ConfigEntry[] | { readonly errorCode: number; readonly errorMessage: string } {
  const refused = (errorCode: number, errorMessage: string) => ({ errorCode, errorMessage });
  switch (resourceType) {
    case TOPIC: {
      const topic = cluster.topicNamed(resourceName);
      if (topic !== undefined) return topicConfigEntries(topic.ownConfigs, cluster.settings.topicDefaults);
      return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `there is no topic ${resourceName}`);
    }
    case BROKER:
      if (resourceName === "" || resourceName === String(nodeId)) return brokerConfigEntries(cluster.settings);
      return refused(ErrorCode.INVALID_REQUEST, `node ${nodeId} was asked for the settings of node ${resourceName}`);
    default:
      return refused(ErrorCode.INVALID_REQUEST, `resource type ${resourceType} is not one of the in-process broker`);
  }
}
