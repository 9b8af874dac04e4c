import { type Api, api } from "../api.ts";
import { int16, int32, producerId, string, struct } from "../field.ts";
import type { ProducerId } from "../producer-id.ts";

/**
 * Tells the coordinator that a transaction will commit offsets of a group: the partition of the offsets topic that
 * holds them becomes part of it. Not sent under KIP-890 part 2.
 */
export interface AddOffsetsToTxnRequest {
  readonly transactionalId: string;
  readonly producerId: ProducerId;
  readonly producerEpoch: number;
  readonly groupId: string;
}

export interface AddOffsetsToTxnResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
}

export const addOffsetsToTxn: Api<AddOffsetsToTxnRequest, AddOffsetsToTxnResponse> = api({
  key: 25,
  name: "AddOffsetsToTxn",
  versions: [0, 4],
  flexibleSince: 3,
  request: struct<AddOffsetsToTxnRequest>({
    transactionalId: string,
    producerId,
    producerEpoch: int16,
    groupId: string,
  }),
  response: struct<AddOffsetsToTxnResponse>({
    throttleTimeMs: int32,
    errorCode: int16,
  }),
});
