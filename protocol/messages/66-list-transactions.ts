import { type Api, api } from "../api.ts";
import { array, int16, int32, int64, producerId, string, struct } from "../field.ts";
import type { ProducerId } from "../producer-id.ts";

/** Asks one broker for the transactional ids that it coordinates (KIP-664). */
export interface ListTransactionsRequest {
  /** Only those in these states; empty: in any. */
  readonly stateFilters: readonly string[];
  /** Only those of these producer ids; empty: of any. */
  readonly producerIdFilters: readonly ProducerId[];
  /** Only transactions that have been open for longer, in ms; negative: all. */
  readonly durationFilter: number;
  /** A regular expression (RE2) for the ids; null: any. */
  readonly transactionalIdPattern: string | null;
}

export interface ListTransactionsResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  /** Those among `stateFilters` that the broker does not know. */
  readonly unknownStateFilters: readonly string[];
  readonly transactionStates: readonly ListedTransaction[];
}

export interface ListedTransaction {
  readonly transactionalId: string;
  readonly producerId: ProducerId;
  readonly transactionState: string;
}

export const listTransactions: Api<ListTransactionsRequest, ListTransactionsResponse> = api({
  key: 66,
  name: "ListTransactions",
  versions: [0, 2],
  flexibleSince: 0,
  request: struct<ListTransactionsRequest>({
    stateFilters: array(string),
    producerIdFilters: array(producerId),
    durationFilter: int64.since(1).default(-1),
    transactionalIdPattern: string.since(2).nullable(2).default(null),
  }),
  response: struct<ListTransactionsResponse>({
    throttleTimeMs: int32,
    errorCode: int16,
    unknownStateFilters: array(string),
    transactionStates: array(
      struct<ListedTransaction>({
        transactionalId: string,
        producerId,
        transactionState: string,
      }),
    ),
  }),
});
