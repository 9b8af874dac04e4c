import { type Api, api } from "../api.ts";
import { boolean, int16, int32, producerId, string, struct } from "../field.ts";
import type { ProducerId } from "../producer-id.ts";

/** Commits or aborts a transaction. */
export interface EndTxnRequest {
  readonly transactionalId: string;
  readonly producerId: ProducerId;
  readonly producerEpoch: number;
  /** True commits, false aborts. */
  readonly committed: boolean;
}

export interface EndTxnResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  /** What to go on with (KIP-890, version 5): each transaction has an epoch of its own; -1: as before. */
  readonly producerId: ProducerId;
  /** See `producerId`. */
  readonly producerEpoch: number;
}

export const endTxn: Api<EndTxnRequest, EndTxnResponse> = api({
  key: 26,
  name: "EndTxn",
  versions: [0, 5],
  flexibleSince: 3,
  request: struct<EndTxnRequest>({
    transactionalId: string,
    producerId,
    producerEpoch: int16,
    committed: boolean,
  }),
  response: struct<EndTxnResponse>({
    throttleTimeMs: int32,
    errorCode: int16,
    producerId: producerId.since(5).default(-1).ignorable(),
    producerEpoch: int16.since(5).default(-1).ignorable(),
  }),
});
