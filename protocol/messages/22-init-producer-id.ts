import { type Api, api } from "../api.ts";
import { int16, int32, producerId, string, struct } from "../field.ts";
import type { ProducerId } from "../producer-id.ts";

/** Asks for a producer id, with which brokers know a batch that is sent twice. With a transactional id it fences. */
export interface InitProducerIdRequest {
  /** Null: idempotent only. */
  readonly transactionalId: string | null;
  /** How long a transaction may stay open before the coordinator aborts it, in ms. */
  readonly transactionTimeoutMs: number;
  /** What the producer has now, to go on with a greater epoch (KIP-360); -1: it has none. */
  readonly producerId: ProducerId;
  readonly producerEpoch: number;
}

export interface InitProducerIdResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly producerId: ProducerId;
  readonly producerEpoch: number;
}

/** Version 6 (two-phase commit, KIP-939) is marked unstable in Kafka 4.3: brokers do not offer it, and it may change. */
export const initProducerId: Api<InitProducerIdRequest, InitProducerIdResponse> = api({
  key: 22,
  name: "InitProducerId",
  versions: [0, 5],
  flexibleSince: 2,
  request: struct<InitProducerIdRequest>({
    transactionalId: string.nullable(),
    transactionTimeoutMs: int32,
    producerId: producerId.since(3).default(-1),
    producerEpoch: int16.since(3).default(-1),
  }),
  response: struct<InitProducerIdResponse>({
    throttleTimeMs: int32.ignorable(),
    errorCode: int16,
    producerId: producerId.default(-1),
    producerEpoch: int16,
  }),
});
