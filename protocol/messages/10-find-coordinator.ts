import { type Api, api } from "../api.ts";
import { array, int8, int16, int32, string, struct } from "../field.ts";

/** Asks which broker coordinates a group or a transactional id. */
export interface FindCoordinatorRequest {
  /** Up to version 3. */
  readonly key: string;
  /** What the keys are: 0 groups, 1 transactional ids, 2 share groups' `group:topic id:partition` (version 6). */
  readonly keyType: number;
  /** From version 4 on, in place of `key` (KIP-699). */
  readonly coordinatorKeys: readonly string[];
}

/** Up to version 3 the coordinator itself, from version 4 on one in `coordinators` for each key. */
export interface FindCoordinatorResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly coordinators: readonly Coordinator[];
}

export interface Coordinator {
  readonly key: string;
  /** -1 beside an error. */
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export const findCoordinator: Api<FindCoordinatorRequest, FindCoordinatorResponse> = api({
  key: 10,
  name: "FindCoordinator",
  versions: [0, 6],
  flexibleSince: 3,
  request: struct<FindCoordinatorRequest>({
    key: string.until(3),
    keyType: int8.since(1),
    coordinatorKeys: array(string).since(4),
  }),
  response: struct<FindCoordinatorResponse>({
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16.until(3),
    errorMessage: string.since(1).until(3).nullable(1).ignorable(),
    nodeId: int32.until(3),
    host: string.until(3),
    port: int32.until(3),
    coordinators: array(
      struct<Coordinator>({
        key: string,
        nodeId: int32,
        host: string,
        port: int32,
        errorCode: int16,
        errorMessage: string.nullable().ignorable(),
      }),
    ).since(4),
  }),
});
