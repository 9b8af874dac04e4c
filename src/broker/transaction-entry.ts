import { ErrorCode } from "../../protocol/errors.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { RequestContext } from "./handler.ts";
import type { ProducerIdentity, Transaction } from "./transaction.ts";

/** Whether the asked node may answer for the transactional id: a Kafka error code. */
export function transactionCoordinatorError({ cluster, nodeId }: RequestContext, transactionalId: string): number {
  return cluster.transactions.coordinators.of(transactionalId) === nodeId ? ErrorCode.NONE : ErrorCode.NOT_COORDINATOR;
}

/** How a request of some version comes into its producer's transaction. */
export interface EntryRules {
  /** It adds what it is about; requests before KIP-890's second part had to have it added, and it is only verified. */
  readonly adds: boolean;
  /** Its sender knows TRANSACTION_ABORTABLE (KIP-890). */
  readonly knowsAbortable: boolean;
}

/** What takes part in a transaction: a partition, or a group's offsets. */
export interface TransactionPart {
  isIn(transaction: Transaction): boolean;
  addTo(transaction: Transaction): void;
}

/** Lets a write into its producer's transaction: a Kafka error code, as those are told who write. */
export function enterTransaction(
  { transactions }: ClusterState,
  transactionalId: string,
  identity: ProducerIdentity,
  part: TransactionPart,
  { adds, knowsAbortable }: EntryRules,
): number {
  const errorCode = adds
    ? transactions.enter(transactionalId, identity, (one) => part.addTo(one))
    : transactions.verify(transactionalId, identity, (one) => part.isIn(one));
  if (errorCode === ErrorCode.PRODUCER_FENCED) return ErrorCode.INVALID_PRODUCER_EPOCH;
  if (errorCode === ErrorCode.TRANSACTION_ABORTABLE && !knowsAbortable) return ErrorCode.INVALID_TXN_STATE;
  return errorCode;
}

/** Requests of versions that do not know PRODUCER_FENCED are told what came before it (KIP-588). */
export function fencedBefore(version: number, since: number, errorCode: number): number {
  return errorCode === ErrorCode.PRODUCER_FENCED && version < since ? ErrorCode.INVALID_PRODUCER_EPOCH : errorCode;
}
