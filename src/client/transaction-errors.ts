import { ErrorCode } from "../../protocol/errors.ts";
import { KafkaError, type KafkaErrorContext, ProtocolError } from "./errors.ts";

/**
 * Another producer has taken over the transactional id, or the coordinator has put this one out because its transaction
 * was open for longer than its `transactionTimeout`. It can do nothing more: make a new one. `code` is Kafka's own,
 * PRODUCER_FENCED or INVALID_PRODUCER_EPOCH.
 */
export class ProducerFencedError extends KafkaError {
  override readonly name = "ProducerFencedError";

  constructor(code: string, transactionalId: string, openFor: number | undefined, context: KafkaErrorContext = {}) {
    const long = openFor === undefined ? "" : `; its transaction had been open for ${Math.round(openFor)} ms`;
    const message =
      `the producer of transactional id ${transactionalId} was fenced: another producer has its id, ` +
      `or a transaction was open for longer than transactionTimeout${long}. Make a new producer`;
    super(code, message, false, context);
  }
}

/** The transaction was aborted: nothing of it counts. `code` and `cause` say why; the producer can begin the next. */
export class TransactionAbortedError extends KafkaError {
  override readonly name = "TransactionAbortedError";

  constructor(transactionalId: string, cause: KafkaError) {
    const message = `the transaction of ${transactionalId} was aborted: ${cause.message}`;
    const { topic, partition, broker } = cause;
    super(cause.code, message, cause.retriable, { topic, partition, broker, cause });
  }
}

/**
 * The coordinator was asked to commit, and nothing says whether it has. `commit` of the same transaction can be called
 * again, and asks again; a stable offset fetch of the group also tells, where the transaction committed offsets.
 */
export class TransactionOutcomeUnknownError extends KafkaError {
  override readonly name = "TransactionOutcomeUnknownError";

  constructor(transactionalId: string, cause: KafkaError) {
    const message = `whether the transaction of ${transactionalId} is committed is not known: ${cause.message}`;
    super("TRANSACTION_OUTCOME_UNKNOWN", message, false, { broker: cause.broker, cause });
  }
}

/** Whether an error says that the producer's epoch is no longer the transactional id's. */
export function isFenced(error: unknown): boolean {
  return (
    error instanceof ProtocolError &&
    (error.errorCode === ErrorCode.PRODUCER_FENCED || error.errorCode === ErrorCode.INVALID_PRODUCER_EPOCH)
  );
}
