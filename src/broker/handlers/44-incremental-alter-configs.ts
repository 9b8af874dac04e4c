import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import {
  type AlterConfigsResource,
  type AlterConfigsResourceResponse,
  type IncrementalAlterConfigsRequest,
  type IncrementalAlterConfigsResponse,
  incrementalAlterConfigs,
} from "../../../protocol/messages/44-incremental-alter-configs.ts";
import type { ClusterState } from "../cluster-state.ts";
import { alteredConfigs } from "../config-change.ts";
import { TOPIC } from "../config-entry.ts";
import type { Handler } from "../handler.ts";
import { TopicRefused } from "../topic-creation.ts";

export const incrementalAlterConfigsHandler: Handler<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse> =
  {
    api: incrementalAlterConfigs,
    handle({ cluster }, { resources, validateOnly }) {
      const keys = resources.map(({ resourceType, resourceName }) => `${resourceType}/${resourceName}`);
      return {
        responses: resources.map((resource, i) => {
          const { resourceType, resourceName } = resource;
          if (keys.indexOf(keys[i]!) === i && keys.lastIndexOf(keys[i]!) === i)
            return alter(cluster, resource, validateOnly);
          const errorMessage = "the resource is in the request more than once";
          return { resourceType, resourceName, errorCode: ErrorCode.INVALID_REQUEST, errorMessage };
        }),
      };
    },
    fail: ({ resources }, errorCode) => ({
      responses: resources.map(({ resourceType, resourceName }) => ({ resourceType, resourceName, errorCode })),
    }),
  };

function alter(
  cluster: ClusterState,
  { resourceType, resourceName, configs }: AlterConfigsResource,
  validateOnly: boolean,
): Draft<AlterConfigsResourceResponse> {
  const refused = (errorCode: number, errorMessage: string) => ({
    resourceType,
    resourceName,
    errorCode,
    errorMessage,
  });
  if (resourceType !== TOPIC) {
    const message = "only topics' settings can be changed: those of brokers and groups are given to startBroker";
    return refused(ErrorCode.INVALID_REQUEST, message);
  }
  const topic = cluster.topicNamed(resourceName);
  if (topic === undefined) return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `there is no topic ${resourceName}`);
  try {
    const own = alteredConfigs(topic, configs);
    if (!validateOnly) topic.configure(own);
    return { resourceType, resourceName, errorMessage: null };
  } catch (error) {
    if (!(error instanceof TopicRefused)) throw error;
    return refused(error.errorCode, error.message);
  }
}
