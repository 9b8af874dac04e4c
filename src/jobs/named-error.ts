import { KafkaError } from "../client/errors.ts";
import { PayloadTooLargeError, TopicMissingError } from "./errors.ts";

/** What a broker says of a record, or of several together, that it will never take as they are. */
export const TOO_LARGE: ReadonlySet<string> = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"]);

export function isTooLarge(error: unknown): error is KafkaError {
  return error instanceof KafkaError && TOO_LARGE.has(error.code);
}

/** Why job `job` did not get into `queue`: the client's error, or the job layer's where that says better what to do. */
export function namedError(error: unknown, job: string, queue: string): unknown {
  if (!(error instanceof KafkaError)) return error;
  if (error.code === "UNKNOWN_TOPIC_OR_PARTITION") return new TopicMissingError([error.topic ?? queue], error);
  if (isTooLarge(error)) return new PayloadTooLargeError(job, queue, error);
  return error;
}
