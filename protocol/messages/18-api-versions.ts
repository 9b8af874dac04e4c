import { type Api, api } from "../api.ts";
import { array, boolean, int16, int32, int64, string, struct } from "../field.ts";

/** Asks which APIs the broker has, in which versions. The first request on a connection. */
export interface ApiVersionsRequest {
  readonly clientSoftwareName: string;
  readonly clientSoftwareVersion: string;
}

/**
 * To a version that it does not have, a broker answers with UNSUPPORTED_VERSION in the form of version 0, and with
 * the versions of ApiVersions itself (KIP-511).
 */
export interface ApiVersionsResponse {
  readonly errorCode: number;
  readonly apiKeys: readonly ApiVersion[];
  readonly throttleTimeMs: number;
  /** What the broker could do (KIP-584). */
  readonly supportedFeatures: readonly SupportedFeatureKey[];
  /** -1: not known. */
  readonly finalizedFeaturesEpoch: number;
  /** What the cluster has switched on. */
  readonly finalizedFeatures: readonly FinalizedFeatureKey[];
  readonly zkMigrationReady: boolean;
}

export interface ApiVersion {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

export interface SupportedFeatureKey {
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
}

export interface FinalizedFeatureKey {
  readonly name: string;
  readonly maxVersionLevel: number;
  readonly minVersionLevel: number;
}

export const apiVersions: Api<ApiVersionsRequest, ApiVersionsResponse> = api({
  key: 18,
  name: "ApiVersions",
  versions: [0, 4],
  flexibleSince: 3,
  request: struct<ApiVersionsRequest>({
    clientSoftwareName: string.since(3).ignorable(),
    clientSoftwareVersion: string.since(3).ignorable(),
  }),
  response: struct<ApiVersionsResponse>({
    errorCode: int16,
    apiKeys: array(
      struct<ApiVersion>({
        apiKey: int16,
        minVersion: int16,
        maxVersion: int16,
      }),
    ),
    throttleTimeMs: int32.since(1).ignorable(),
    supportedFeatures: array(
      struct<SupportedFeatureKey>({
        name: string,
        minVersion: int16,
        maxVersion: int16,
      }),
    )
      .tagged(0, 3)
      .ignorable(),
    finalizedFeaturesEpoch: int64.tagged(1, 3).default(-1).ignorable(),
    finalizedFeatures: array(
      struct<FinalizedFeatureKey>({
        name: string,
        maxVersionLevel: int16,
        minVersionLevel: int16,
      }),
    )
      .tagged(2, 3)
      .ignorable(),
    zkMigrationReady: boolean.tagged(3, 3).ignorable(),
  }),
});
