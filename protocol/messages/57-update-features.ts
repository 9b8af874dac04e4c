import { type Api, api } from "../api.ts";
import { array, boolean, int8, int16, int32, string, struct } from "../field.ts";

/** Raises or lowers the finalized version of a feature, such as `transaction.version` (KIP-584). */
export interface UpdateFeaturesRequest {
  readonly timeoutMs: number;
  readonly featureUpdates: readonly FeatureUpdate[];
  readonly validateOnly: boolean;
}

export interface FeatureUpdate {
  readonly feature: string;
  /** 0 takes the feature away. */
  readonly maxVersionLevel: number;
  /** Version 0 only. */
  readonly allowDowngrade: boolean;
  /** 1 upgrade, 2 safe downgrade, 3 unsafe downgrade. */
  readonly upgradeType: number;
}

export interface UpdateFeaturesResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
  /** Up to version 1. */
  readonly results: readonly UpdatableFeatureResult[];
}

export interface UpdatableFeatureResult {
  readonly feature: string;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export const updateFeatures: Api<UpdateFeaturesRequest, UpdateFeaturesResponse> = api({
  key: 57,
  name: "UpdateFeatures",
  versions: [0, 2],
  flexibleSince: 0,
  request: struct<UpdateFeaturesRequest>({
    timeoutMs: int32.default(60_000),
    featureUpdates: array(
      struct<FeatureUpdate>({
        feature: string,
        maxVersionLevel: int16,
        allowDowngrade: boolean.until(0),
        upgradeType: int8.since(1).default(1),
      }),
    ),
    validateOnly: boolean.since(1),
  }),
  response: struct<UpdateFeaturesResponse>({
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    results: array(
      struct<UpdatableFeatureResult>({
        feature: string,
        errorCode: int16,
        errorMessage: string.nullable(),
      }),
    )
      .until(1)
      .ignorable(),
  }),
});
