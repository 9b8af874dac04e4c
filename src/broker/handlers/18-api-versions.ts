import { ErrorCode } from "../../../protocol/errors.ts";
import {
  type ApiVersion,
  type ApiVersionsRequest,
  type ApiVersionsResponse,
  apiVersions,
} from "../../../protocol/messages/18-api-versions.ts";
import type { FeatureName, Features } from "../features.ts";
import type { Handler } from "../handler.ts";

/** The form that a client's name and version must have (KIP-511). */
const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?$/;

/** Readers of versions below it fail on a feature that may be off (KAFKA-17492). */
const LEVEL_0_SINCE = 4;

/** What has to be known of a handler to offer its API. */
interface Served {
  readonly api: { readonly key: number; readonly minVersion: number; readonly maxVersion: number };
  readonly claimedMinVersion?: number | undefined;
  readonly needs?: FeatureName | undefined;
}

/** `served`: all handlers of the broker. */
export function apiVersionsHandler(served: () => Iterable<Served>): Handler<ApiVersionsRequest, ApiVersionsResponse> {
  const apiKeys = (features: Features): ApiVersion[] =>
    [...served()]
      .filter(({ needs }) => needs === undefined || features.level(needs) > 0)
      .map(({ api, claimedMinVersion }) => ({
        apiKey: api.key,
        minVersion: claimedMinVersion ?? api.minVersion,
        maxVersion: api.maxVersion,
      }));
  return {
    api: apiVersions,
    handle({ cluster, version }, { clientSoftwareName, clientSoftwareVersion }) {
      if (version >= 3 && !(SOFTWARE.test(clientSoftwareName) && SOFTWARE.test(clientSoftwareVersion))) {
        return { errorCode: ErrorCode.INVALID_REQUEST };
      }
      const { features } = cluster;
      return {
        apiKeys: apiKeys(features),
        supportedFeatures: features.supported.filter((one) => version >= LEVEL_0_SINCE || one.minVersion > 0),
        finalizedFeaturesEpoch: features.epoch,
        finalizedFeatures: features.finalized.map(({ name, level }) => {
          return { name, maxVersionLevel: level, minVersionLevel: level };
        }),
      };
    },
    fail: (_request, errorCode) => ({ errorCode }),
  };
}
