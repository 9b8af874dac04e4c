import type { DispatchedJob } from "./dispatched-job.ts";

/** Any failure of the job layer itself. `code` tells them apart. What Kafka refuses is a `KafkaError`. */
export class JobError extends Error {
  override readonly name: string = "JobError";
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** An option that is unknown, of the wrong kind or out of range, or an argument that is not what the call takes. */
export class InvalidOptionError extends JobError {
  override readonly name = "InvalidOptionError";
  /** The option's path, as `queues.users.partitions`. */
  readonly option: string;

  constructor(option: string, problem: string) {
    super("INVALID_OPTION", `${option}: ${problem}`);
    this.option = option;
  }
}

/** Two jobs of one app have one name: a worker could not tell which to run. */
export class DuplicateJobError extends JobError {
  override readonly name = "DuplicateJobError";

  constructor(job: string) {
    super(
      "DUPLICATE_JOB",
      `the app already has a job named "${job}": the name is what records carry, so it must be unique`,
    );
  }
}

/** A record names a job that this process has not defined. */
export class UnknownJobError extends JobError {
  override readonly name = "UnknownJobError";

  constructor(job: string, known: readonly string[]) {
    const list = known.length === 0 ? "none" : known.join(", ");
    super(
      "UNKNOWN_JOB",
      `no job is named "${job}" here (defined: ${list}): import the file that defines it into the worker`,
    );
  }
}

/** A record was written by a newer version of its job than this process has: it has to be deployed here, too. */
export class NewerVersionError extends JobError {
  override readonly name = "NewerVersionError";
  readonly recordVersion: number;
  readonly jobVersion: number;

  constructor(job: string, recordVersion: number, jobVersion: number) {
    super(
      "NEWER_VERSION",
      `the record is of version ${recordVersion} of "${job}", this process has version ${jobVersion}: deploy the newer one here`,
    );
    this.recordVersion = recordVersion;
    this.jobVersion = jobVersion;
  }
}

/** The partitioner gave nothing that order can be kept for. */
export class InvalidKeyError extends JobError {
  override readonly name = "InvalidKeyError";

  constructor(job: string, problem: string) {
    super("INVALID_KEY", `the partitioner of "${job}" ${problem}`);
  }
}

/** The partitioner gave the number of a partition that the topic does not have. */
export class PartitionOutOfRangeError extends JobError {
  override readonly name = "PartitionOutOfRangeError";

  constructor(job: string, topic: string, partition: number, count: number) {
    const range = count === 1 ? "only partition 0" : `partitions 0 to ${count - 1}`;
    super("PARTITION_OUT_OF_RANGE", `the partitioner of "${job}" gave ${partition}, but topic ${topic} has ${range}`);
  }
}

/** A payload that JSON would change or lose. */
export class PayloadError extends JobError {
  override readonly name = "PayloadError";
  /** Where in the payload, as `payload.items[2].price`. */
  readonly path: string;

  constructor(path: string, problem: string, cause?: unknown) {
    super("PAYLOAD_NOT_JSON", `${path} ${problem}`, cause);
    this.path = path;
  }
}

/** What a schema found wrong with a payload. */
export interface PayloadIssue {
  readonly message: string;
  /** Where in the payload, as `payload.items[2].price`. */
  readonly path: string;
}

/** The job's schema refuses the payload. */
export class PayloadRefusedError extends JobError {
  override readonly name = "PayloadRefusedError";
  readonly issues: readonly PayloadIssue[];

  constructor(job: string, issues: readonly PayloadIssue[]) {
    const text = issues.map(({ path, message }) => `${path}: ${message}`).join("; ");
    super("PAYLOAD_REFUSED", `the schema of "${job}" refuses the payload: ${text}`);
    this.issues = issues;
  }
}

/** The record is larger than the producer or the topic takes. */
export class PayloadTooLargeError extends JobError {
  override readonly name = "PayloadTooLargeError";

  constructor(job: string, topic: string, cause: Error) {
    const hint =
      "enqueue a reference to the data, or raise max.message.bytes of the topic and maxRequestSize of the producer";
    super(
      "PAYLOAD_TOO_LARGE",
      `a payload of "${job}" is too large for topic ${topic} (${cause.message}): ${hint}`,
      cause,
    );
  }
}

/** A record that no worker can ever read: it names no job, or its value is not what the serializer writes. */
export class UnreadableRecordError extends JobError {
  override readonly name = "UnreadableRecordError";

  constructor(problem: string, cause?: unknown) {
    super("UNREADABLE_RECORD", problem, cause);
  }
}

/**
 * For a serializer's `decode` to throw: the value is sound, but this process lacks what it takes to read it, such as a
 * key. As with an unknown job, workers wait for it to be deployed, for `unknownJobGrace`, without counting attempts.
 */
export class UnreadableHereError extends JobError {
  override readonly name: string = "UnreadableHereError";

  /** `problem`: what is missing, and what to do. It gets into logs and dead letters. */
  constructor(problem: string, cause?: unknown) {
    super("UNREADABLE_HERE", problem, cause);
  }
}

/** Queues whose topics do not exist. Nothing but `topics apply` creates them. */
export class TopicMissingError extends JobError {
  override readonly name = "TopicMissingError";
  readonly topics: readonly string[];

  constructor(topics: readonly string[], cause?: unknown) {
    const what = topics.length === 1 ? `topic ${topics[0]} does not exist` : `topics ${topics.join(", ")} do not exist`;
    super("TOPIC_MISSING", `${what}: create it with \`ottla topics apply MODULE\` or app.topics.apply()`, cause);
    this.topics = topics;
  }
}

/** The topic in which a group keeps its parked jobs is missing and could not be created, or would lose them. */
export class StateTopicError extends JobError {
  override readonly name = "StateTopicError";
  readonly topic: string;

  constructor(topic: string, problem: string, cause?: unknown) {
    super("STATE_TOPIC", `the group's state topic ${topic} ${problem}`, cause);
    this.topic = topic;
  }
}

/** Several of the app's `queuePatterns` match one topic: whose settings it has could only be guessed. */
export class OverlappingPatternsError extends JobError {
  override readonly name = "OverlappingPatternsError";
  readonly topic: string;
  /** As they were written. */
  readonly patterns: readonly string[];

  constructor(topic: string, patterns: readonly string[]) {
    super(
      "OVERLAPPING_PATTERNS",
      `topic ${topic} is matched by ${patterns.join(" and ")}: let one of queuePatterns match it, or name it in queues`,
    );
    this.topic = topic;
    this.patterns = patterns;
  }
}

/** A queue's topic has another number of partitions than the app declares. */
export class PartitionMismatchError extends JobError {
  override readonly name = "PartitionMismatchError";
  readonly topic: string;
  readonly declared: number;
  readonly actual: number;

  /** `by`: which option declares them. */
  constructor(topic: string, declared: number, actual: number, by: string = `queues.${topic}.partitions`) {
    super(
      "PARTITION_MISMATCH",
      `topic ${topic} has ${actual} partitions, ${by} says ${declared}: make them equal, or set allowPartitionMismatch`,
    );
    this.topic = topic;
    this.declared = declared;
    this.actual = actual;
  }
}

/** An enqueue was still being prepared, or stood behind one that was, when its delivery timeout ended. Nothing was sent. */
export class EnqueueTimeoutError extends JobError {
  override readonly name = "EnqueueTimeoutError";

  constructor(queue: string, ms: number) {
    super(
      "ENQUEUE_TIMED_OUT",
      `a job for queue ${queue} was not ready to be sent within ${ms} ms (deliveryTimeout): nothing was sent`,
    );
  }
}

/** Some jobs of a bulk enqueue failed. */
export class BulkEnqueueError extends JobError {
  override readonly name = "BulkEnqueueError";
  /** One for each job, in input order: what became of it, or its error. */
  readonly results: readonly (DispatchedJob | Error)[];

  /** `cause`: why the input ended early; without it, the first job's error. */
  constructor(results: readonly (DispatchedJob | Error)[], cause?: unknown) {
    const failed = results.filter((result) => result instanceof Error);
    const first = cause ?? failed[0];
    const why = first instanceof Error ? first.message : String(first);
    const what = `${failed.length} of ${results.length} jobs were not enqueued`;
    super(
      "BULK_ENQUEUE_FAILED",
      cause === undefined ? `${what}: ${why}` : `${what}, and the input ended with an error: ${why}`,
      first,
    );
    this.results = results;
  }
}

/** The app has been used: its transport and clock cannot be changed any more. */
export class AppInUseError extends JobError {
  override readonly name = "AppInUseError";

  constructor() {
    super(
      "APP_IN_USE",
      "the app already uses Kafka: take it over before its first enqueue or worker, or after close of what had it",
    );
  }
}

/** `app.close()` was called. */
export class AppClosedError extends JobError {
  override readonly name = "AppClosedError";

  constructor() {
    super("APP_CLOSED", "the app is closed");
  }
}

/** Commit metadata that this version cannot read, or that would not fit. The partition must stop: nothing is lost. */
export class CommitMetadataError extends JobError {
  override readonly name = "CommitMetadataError";

  constructor(problem: string) {
    super("COMMIT_METADATA", `commit metadata ${problem}`);
  }
}
