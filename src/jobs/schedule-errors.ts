import { JobError } from "./errors.ts";

/** A job is to run later, and its definition names no schedule topic. */
export class NoScheduleTopicError extends JobError {
  override readonly name = "NoScheduleTopicError";

  constructor(job: string) {
    super(
      "NO_SCHEDULE_TOPIC",
      `job "${job}" cannot wait for its time: name one of the app's scheduledMessagesTopics in its scheduledMessagesTopic`,
    );
  }
}

/** What waited in a schedule topic can never be dispatched. */
export class UndispatchableError extends JobError {
  override readonly name = "UndispatchableError";

  constructor(problem: string, cause?: unknown) {
    super("UNDISPATCHABLE", `an entry of a schedule topic cannot be dispatched: ${problem}`, cause);
  }
}

/** Somebody else dispatches from a partition that this worker's group was given, again and again. */
export class ScheduleTopicSharedError extends JobError {
  override readonly name = "ScheduleTopicSharedError";
  readonly topic: string;
  readonly partition: number;

  constructor(topic: string, partition: number, cause: unknown) {
    super(
      "SCHEDULE_TOPIC_SHARED",
      `something else dispatches from ${topic}/${partition}: give each group schedule topics of its own`,
      cause,
    );
    this.topic = topic;
    this.partition = partition;
  }
}

/** Nobody said within 10 seconds what has become of a request: it stays in force, and counts once a worker runs. */
export class SchedulerUnavailableError extends JobError {
  override readonly name = "SchedulerUnavailableError";
  readonly topic: string;
  readonly partition: number;

  constructor(topic: string, partition: number, ms: number) {
    super(
      "SCHEDULER_UNAVAILABLE",
      `no worker answered for ${topic}/${partition} within ${ms} ms: the request stays in force, and counts once one runs`,
    );
    this.topic = topic;
    this.partition = partition;
  }
}

/** A schedule topic would lose what waits in it. */
export class ScheduleTopicError extends JobError {
  override readonly name = "ScheduleTopicError";
  readonly topic: string;

  constructor(topic: string, policy: string) {
    super(
      "SCHEDULE_TOPIC",
      `schedule topic ${topic} has cleanup.policy=${policy}: set it to "compact", or what waits there is deleted by its age`,
    );
    this.topic = topic;
  }
}
