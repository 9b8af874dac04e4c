/**
 * Ordered background jobs on Apache Kafka: define jobs, enqueue them, and run them one at a time for each key.
 *
 * @module
 */
export {
  AuthenticationError,
  ClosedError,
  ConnectionError,
  InvalidArgumentError,
  KafkaError,
  type KafkaErrorContext,
  ProtocolError,
  TimeoutError,
  UnsupportedVersionError,
} from "./src/client/errors.ts";
export type { GroupProtocol } from "./src/client/membership.ts";
export type { HeaderInput, ProducerRecord, RecordMetadata } from "./src/client/producer-record.ts";
export type {
  CustomSaslOptions,
  OAuthBearerOptions,
  PlainOptions,
  SaslOptions,
  ScramOptions,
} from "./src/client/sasl-options.ts";
export {
  ProducerFencedError,
  TransactionAbortedError,
  TransactionOutcomeUnknownError,
} from "./src/client/transaction-errors.ts";
export { type App, createApp } from "./src/jobs/app.ts";
export type { BackoffOptions } from "./src/jobs/backoff.ts";
export type { BlockedJob, SkipOptions } from "./src/jobs/blocked-jobs.ts";
export {
  AlreadyHandedOverError,
  DuplicateContextError,
  EnqueueStoppedError,
  HandOverLostError,
  LazyModuleError,
  NextCalledTwiceError,
  TransactionEndedError,
} from "./src/jobs/calling-errors.ts";
export type { ContextOptions, ContextStore } from "./src/jobs/contexts.ts";
export type { DeadLetter, DeadLetterContent } from "./src/jobs/dead-letter.ts";
export {
  LetterTooFarError,
  NoOriginError,
  NoSuchLetterError,
  PartitionGoneError,
} from "./src/jobs/dead-letter-errors.ts";
export type {
  DeadLetters,
  DiscardOptions,
  DiscardResult,
  ListDeadLettersOptions,
  RedriveOptions,
  RedriveProgressOptions,
  RedriveResult,
} from "./src/jobs/dead-letters.ts";
export type { DedupeOptions } from "./src/jobs/dedupe-options.ts";
export type { BufferedJob, DispatchedJob, EnqueuedJob, ScheduledJob } from "./src/jobs/dispatched-job.ts";
export type { DueOptions } from "./src/jobs/due-time.ts";
export type { Duration } from "./src/jobs/duration.ts";
export type { AppTransaction, TransactionWork } from "./src/jobs/enqueue-transaction.ts";
export type { DiscardRule, ErrorMatcher, RetryRule } from "./src/jobs/error-rules.ts";
export {
  AppClosedError,
  AppInUseError,
  BulkEnqueueError,
  CommitMetadataError,
  DuplicateJobError,
  EnqueueTimeoutError,
  InvalidKeyError,
  InvalidOptionError,
  JobError,
  NewerVersionError,
  OverlappingPatternsError,
  PartitionMismatchError,
  PartitionOutOfRangeError,
  PayloadError,
  type PayloadIssue,
  PayloadRefusedError,
  PayloadTooLargeError,
  StateTopicError,
  TopicMissingError,
  UnknownJobError,
  UnreadableHereError,
  UnreadableRecordError,
} from "./src/jobs/errors.ts";
export type { AppEventName, AppEvents, AppListener, JobInfo, TopicPartition } from "./src/jobs/events.ts";
export type { JobHeaders } from "./src/jobs/headers.ts";
export type { ConfiguredJob, Job, JobSettings, Payload } from "./src/jobs/job.ts";
export { Discard, RetryLater } from "./src/jobs/job-controls.ts";
export type { DiscardedJob, DispatchMethod, EnqueuingJob, JobOptions, RunningJob } from "./src/jobs/job-options.ts";
export type { PartitionerResult, PartitionKeyType } from "./src/jobs/key.ts";
export { lazy, type Perform, type PerformModule } from "./src/jobs/lazy.ts";
export type { AppProducer } from "./src/jobs/lazy-producer.ts";
export type { LogFields, Logger } from "./src/jobs/logger.ts";
export type { InterceptedJob, Middleware } from "./src/jobs/middleware.ts";
export type { AppOptions, KafkaConnectionOptions } from "./src/jobs/options.ts";
export type { ScheduleStatus } from "./src/jobs/owned-schedules.ts";
export type { ListParkedOptions, ParkedJobs, ParkedKeyJobs, ParkedSelection } from "./src/jobs/parked-jobs.ts";
export type { PreparedJob } from "./src/jobs/prepared-job.ts";
export type { ProducerSettings } from "./src/jobs/producer-settings.ts";
export type { DeadLetterQueueOptions, OnDataLoss, QueueOptions, WhenExhausted } from "./src/jobs/queue-options.ts";
export type { QueuePatternOptions } from "./src/jobs/queue-patterns.ts";
export type { RecordPlace } from "./src/jobs/record-place.ts";
export type { MissedPolicy, RecurringOptions } from "./src/jobs/recurring-definition.ts";
export type { RecurringJob, RecurringJobStatus, RecurringJobs } from "./src/jobs/recurring-jobs.ts";
export type { DeadLetterFailure } from "./src/jobs/redrive-plan.ts";
export type { ResumeOptions } from "./src/jobs/resume-options.ts";
export type { AttemptPlace } from "./src/jobs/running-attempts.ts";
export {
  NoScheduleTopicError,
  SchedulerUnavailableError,
  ScheduleTopicError,
  ScheduleTopicSharedError,
  UndispatchableError,
} from "./src/jobs/schedule-errors.ts";
export type { MessageToSchedule, ScheduledMessage } from "./src/jobs/schedule-message.ts";
export type { ScheduleState } from "./src/jobs/schedule-partition.ts";
export type { ScheduleTopicOptions } from "./src/jobs/schedule-topics.ts";
export type { ListScheduledOptions, ScheduledEntry, ScheduledJobs, WaitingEntry } from "./src/jobs/scheduled-jobs.ts";
export type { SerializedPayload, Serializer } from "./src/jobs/serializer.ts";
export type {
  InputOf,
  OutputOf,
  StandardSchemaIssue,
  StandardSchemaProperties,
  StandardSchemaResult,
  StandardSchemaV1,
} from "./src/jobs/standard-schema.ts";
export type { StartOptions, ThrottleOptions } from "./src/jobs/start-settings.ts";
export type { Cursor, Step } from "./src/jobs/step.ts";
export { ProgressTooLargeError, StepError, type StepProblem, TooManyResumptionsError } from "./src/jobs/step-errors.ts";
export { type InterruptReason, StepInterrupt } from "./src/jobs/step-run.ts";
export type { AppTopics, TopicPlan } from "./src/jobs/topics.ts";
export type { ArrivedJob, VirtualPartitionsOptions } from "./src/jobs/virtual-partitions.ts";
export type { WorkOptions } from "./src/jobs/work-options.ts";
export type { Worker } from "./src/jobs/worker.ts";
export {
  JobSkippedError,
  JobsExpiredError,
  JobTimeoutError,
  JobTooOldError,
  NotBlockedError,
  NotParkedError,
  OffsetBeyondLogError,
  ProcessDiedError,
  ShutdownTimeoutError,
  UnknownQueueError,
  WorkerFailedError,
} from "./src/jobs/worker-errors.ts";
export type { HealthProblem, WorkerHealth } from "./src/jobs/worker-health.ts";
export type { PartitionStatus, WorkerStatus } from "./src/jobs/worker-status.ts";
export type { OAuthBearerToken, TokenSource } from "./src/net/oauthbearer-mechanism.ts";
export type { SaslContext, SaslMechanism } from "./src/net/sasl-mechanism.ts";
export type { PasswordSource } from "./src/net/scram-mechanism.ts";
export type { Address, ByteStream, Pem, StreamHandlers, TlsOptions, Transport } from "./src/net/transport.ts";
