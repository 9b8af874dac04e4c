import { InvalidArgumentError } from "./errors.ts";
import { PRODUCER_DEFAULTS, type ProducerOptions, producerSettings } from "./producer-options.ts";
import type { SessionOptions } from "./transaction-session.ts";

/** Settings of a producer that writes transactions. They are always acknowledged by all in-sync replicas. */
export interface TransactionalProducerOptions extends Omit<ProducerOptions, "acks"> {
  /** What the producer is known by through restarts: a second one with the same id fences the first. */
  readonly transactionalId: string;
  /**
   * Milliseconds that a transaction may be open: then its coordinator aborts it and fences the producer. At most the
   * broker's `transaction.max.timeout.ms`. No record is waited for longer than this. Default 60,000.
   */
  readonly transactionTimeout?: number | undefined;
  /** Milliseconds for beginning a transaction, and for ending one, once its records are sent. Default 60,000. */
  readonly coordinatorTimeout?: number | undefined;
}

/** The options of each part. */
export interface TransactionalSettings {
  readonly session: SessionOptions;
  readonly producer: ProducerOptions;
}

const DEFAULT_TRANSACTION_TIMEOUT = 60_000;
const DEFAULT_COORDINATOR_TIMEOUT = 60_000;
const LONGEST = 0x7fff_ffff;

/** Fills in defaults; throws an {@link InvalidArgumentError} that names a wrong option. */
export function transactionalSettings(options: TransactionalProducerOptions): TransactionalSettings {
  const { transactionalId, transactionTimeout, coordinatorTimeout, ...rest } = options;
  if (typeof transactionalId !== "string" || transactionalId === "")
    throw new InvalidArgumentError("producer option transactionalId: a name is wanted");
  if ("acks" in rest && rest.acks !== undefined && rest.acks !== "all") {
    throw new InvalidArgumentError(`acks ${JSON.stringify(rest.acks)}: transactions need "all"`);
  }
  const session = {
    transactionalId,
    transactionTimeout: milliseconds("transactionTimeout", transactionTimeout ?? DEFAULT_TRANSACTION_TIMEOUT),
    coordinatorTimeout: milliseconds("coordinatorTimeout", coordinatorTimeout ?? DEFAULT_COORDINATOR_TIMEOUT),
  };
  const { deliveryTimeout } = producerSettings(rest, PRODUCER_DEFAULTS);
  return { session, producer: { ...rest, deliveryTimeout: Math.min(deliveryTimeout, session.transactionTimeout) } };
}

function milliseconds(name: string, value: number): number {
  if (Number.isInteger(value) && value > 0 && value <= LONGEST) return value;
  throw new InvalidArgumentError(
    `producer option ${name} is ${String(value)}: a whole number of milliseconds from 1 to ${LONGEST} is wanted`,
  );
}
