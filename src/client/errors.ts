import { errorByCode } from "../../protocol/errors.ts";
import { KafkaError, type KafkaErrorContext } from "../net/errors.ts";

export {
  AuthenticationError,
  ConnectionError,
  KafkaError,
  type KafkaErrorContext,
  TimeoutError,
  UnsupportedVersionError,
} from "../net/errors.ts";

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

/** What was thrown, as an error of this family. Anything else is a fault of ours, and does not pass. */
export function asKafkaError(error: unknown, during = "", context: KafkaErrorContext = {}): KafkaError {
  if (error instanceof KafkaError) return error;
  const what = during === "" ? String(error) : `${during} failed: ${String(error)}`;
  return new KafkaError("INTERNAL", what, false, { ...context, cause: error });
}

/**
 * What was read is not in the log any more: a leader that had it was replaced by one that had not (KIP-320). Records
 * from `divergingOffset` up to `offset` were read and are gone; others may be in their place.
 */
export class LogTruncationError extends KafkaError {
  override readonly name = "LogTruncationError";
  /** Where reading would have gone on. */
  readonly offset: number;
  /** Up to where the log is what was read; undefined: not known. */
  readonly divergingOffset: number | undefined;

  constructor(topic: string, partition: number, offset: number, divergingOffset: number | undefined) {
    const place = divergingOffset === undefined ? "" : ` from offset ${divergingOffset} on`;
    super("LOG_TRUNCATED", `the log of ${topic}/${partition} was truncated${place}; ${offset} was next`, false, {
      topic,
      partition,
    });
    this.offset = offset;
    this.divergingOffset = divergingOffset;
  }
}
