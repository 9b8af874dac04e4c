import { type Api, api } from "../api.ts";
import { array, boolean, int8, int16, int32, string, struct } from "../field.ts";

/** Asks for the settings of topics, brokers or groups. */
export interface DescribeConfigsRequest {
  readonly resources: readonly DescribeConfigsResource[];
  /** Whether to say where else each setting could come from. */
  readonly includeSynonyms: boolean;
  readonly includeDocumentation: boolean;
}

export interface DescribeConfigsResource {
  /** 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group. */
  readonly resourceType: number;
  /** A topic's or group's name, or a broker's id as text. */
  readonly resourceName: string;
  /** Which settings; null: all. */
  readonly configurationKeys: readonly string[] | null;
}

export interface DescribeConfigsResponse {
  readonly throttleTimeMs: number;
  readonly results: readonly DescribeConfigsResult[];
}

export interface DescribeConfigsResult {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly resourceType: number;
  readonly resourceName: string;
  readonly configs: readonly DescribeConfigsResourceResult[];
}

export interface DescribeConfigsResourceResult {
  readonly name: string;
  /** Null where it is a secret or not set. */
  readonly value: string | null;
  readonly readOnly: boolean;
  /**
   * 1 the topic's own, 2 this broker's, 3 all brokers', 4 the broker's file, 5 the default, 8 the group's own; -1: not
   * said.
   */
  readonly configSource: number;
  /** Whether the value is a secret, and so not given. */
  readonly isSensitive: boolean;
  readonly synonyms: readonly DescribeConfigsSynonym[];
  /** 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password; 0: not said. */
  readonly configType: number;
  readonly documentation: string | null;
}

export interface DescribeConfigsSynonym {
  readonly name: string;
  readonly value: string | null;
  readonly source: number;
}

export const describeConfigs: Api<DescribeConfigsRequest, DescribeConfigsResponse> = api({
  key: 32,
  name: "DescribeConfigs",
  versions: [1, 4],
  flexibleSince: 4,
  request: struct<DescribeConfigsRequest>({
    resources: array(
      struct<DescribeConfigsResource>({
        resourceType: int8,
        resourceName: string,
        configurationKeys: array(string).nullable(),
      }),
    ),
    includeSynonyms: boolean,
    includeDocumentation: boolean.since(3),
  }),
  response: struct<DescribeConfigsResponse>({
    throttleTimeMs: int32,
    results: array(
      struct<DescribeConfigsResult>({
        errorCode: int16,
        errorMessage: string.nullable(),
        resourceType: int8,
        resourceName: string,
        configs: array(
          struct<DescribeConfigsResourceResult>({
            name: string,
            value: string.nullable(),
            readOnly: boolean,
            configSource: int8.default(-1).ignorable(),
            isSensitive: boolean,
            synonyms: array(
              struct<DescribeConfigsSynonym>({
                name: string,
                value: string.nullable(),
                source: int8,
              }),
            ).ignorable(),
            configType: int8.since(3).ignorable(),
            documentation: string.since(3).nullable().ignorable(),
          }),
        ),
      }),
    ),
  }),
});
