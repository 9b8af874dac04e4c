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

  constructor(
    code: "REQUEST_TIMED_OUT" | "DELIVERY_TIMED_OUT" | "CONNECT_TIMED_OUT" | "TRANSACTION_TIMED_OUT",
    message: string,
    context: KafkaErrorContext = {},
  ) {
    super(code, message, true, context);
  }
}

/** A broker and this client share no version of an API. */
export class UnsupportedVersionError extends KafkaError {
  override readonly name = "UnsupportedVersionError";

  constructor(message: string, context: KafkaErrorContext = {}) {
    super("UNSUPPORTED_VERSION", message, false, context);
  }
}

/** Kafka's own codes for SASL, and what can be wrong with TLS. */
export type AuthenticationErrorCode =
  | "SASL_AUTHENTICATION_FAILED"
  | "UNSUPPORTED_SASL_MECHANISM"
  | "ILLEGAL_SASL_STATE"
  | "ENCRYPTION_REQUIRED"
  | "CERTIFICATE_EXPIRED"
  | "CERTIFICATE_NOT_TRUSTED"
  | "CERTIFICATE_FOR_ANOTHER_HOST"
  | "CLIENT_CERTIFICATE_REFUSED"
  | "TLS_REQUIRED"
  | "TLS_NOT_SPOKEN"
  | "TLS_FAILED";

/** The broker does not accept who this client is, or this client does not accept who the broker is. Not retriable. */
export class AuthenticationError extends KafkaError {
  override readonly name = "AuthenticationError";

  constructor(code: AuthenticationErrorCode, message: string, context: KafkaErrorContext = {}) {
    super(code, message, false, context);
  }
}
