import { errorByCode } from "../../protocol/errors.ts";

/** Where an error happened, as far as it is known. */
export interface KafkaErrorContext {
  readonly topic?: string | undefined;
  readonly partition?: number | undefined;
  /** `host:port`, or the node's id. */
  readonly broker?: string | undefined;
  readonly cause?: unknown;
}

/** Any failure of the Kafka client. `code` tells them apart; `retriable`: the same call may succeed later. */
export class KafkaError extends Error {
  override readonly name: string = "KafkaError";
  readonly code: string;
  readonly retriable: boolean;
  readonly topic: string | undefined;
  readonly partition: number | undefined;
  readonly broker: string | undefined;

  constructor(code: string, message: string, retriable: boolean, context: KafkaErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.code = code;
    this.retriable = retriable;
    this.topic = context.topic;
    this.partition = context.partition;
    this.broker = context.broker;
  }
}

/** A broker answered with an error code. */
export class ProtocolError extends KafkaError {
  override readonly name = "ProtocolError";
  /** Kafka's own number. */
  readonly errorCode: number;

  constructor(errorCode: number, what: string, context: KafkaErrorContext = {}) {
    const entry = errorByCode(errorCode);
    super(entry.name, `${what}: ${entry.name} (${errorCode}): ${entry.text}`, entry.retriable, context);
    this.errorCode = errorCode;
  }
}

/** No broker could be reached, or a connection ended before its answer came. */
export class ConnectionError extends KafkaError {
  override readonly name = "ConnectionError";

  constructor(message: string, context: KafkaErrorContext = {}) {
    super("CONNECTION_FAILED", message, true, context);
  }
}

/** An answer, or all of a call's attempts together, took longer than allowed. */
export class TimeoutError extends KafkaError {
  override readonly name = "TimeoutError";

  constructor(code: "REQUEST_TIMED_OUT" | "DELIVERY_TIMED_OUT" | "CONNECT_TIMED_OUT", message: string, context: KafkaErrorContext = {}) {
    super(code, message, true, context);
  }
}

/** An option, a record or a call that can never work as given. */
export class InvalidArgumentError extends KafkaError {
  override readonly name = "InvalidArgumentError";

  constructor(message: string, context: KafkaErrorContext = {}) {
    super("INVALID_ARGUMENT", message, false, context);
  }
}

/** The client, producer or consumer was closed. */
export class ClosedError extends KafkaError {
  override readonly name = "ClosedError";

  constructor(what: string) {
    super("CLOSED", `${what} is closed`, false);
  }
}
