import { type Api, api } from "../api.ts";
import { array, boolean, int8, int16, int32, string, struct } from "../field.ts";

/** Changes single settings of topics, brokers or groups, and leaves the rest as it is (KIP-339). */
export interface IncrementalAlterConfigsRequest {
  readonly resources: readonly AlterConfigsResource[];
  /** Whether only to check that it could be done. */
  readonly validateOnly: boolean;
}

export interface AlterConfigsResource {
  /** 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group. */
  readonly resourceType: number;
  readonly resourceName: string;
  readonly configs: readonly AlterableConfig[];
}

export interface AlterableConfig {
  readonly name: string;
  /** 0 set, 1 back to the default, 2 add to a list, 3 take out of a list. */
  readonly configOperation: number;
  readonly value: string | null;
}

export interface IncrementalAlterConfigsResponse {
  readonly throttleTimeMs: number;
  readonly responses: readonly AlterConfigsResourceResponse[];
}

export interface AlterConfigsResourceResponse {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly resourceType: number;
  readonly resourceName: string;
}

export const incrementalAlterConfigs: Api<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse> = api({
  key: 44,
  name: "IncrementalAlterConfigs",
  versions: [0, 1],
  flexibleSince: 1,
  request: struct<IncrementalAlterConfigsRequest>({
    resources: array(
      struct<AlterConfigsResource>({
        resourceType: int8,
        resourceName: string,
        configs: array(
          struct<AlterableConfig>({
            name: string,
            configOperation: int8,
            value: string.nullable(),
          }),
        ),
      }),
    ),
    validateOnly: boolean,
  }),
  response: struct<IncrementalAlterConfigsResponse>({
    throttleTimeMs: int32,
    responses: array(
      struct<AlterConfigsResourceResponse>({
        errorCode: int16,
        errorMessage: string.nullable(),
        resourceType: int8,
        resourceName: string,
      }),
    ),
  }),
});
