import type { HeaderInput, ProducerRecord, RecordMetadata } from "../client/producer-record.ts";
import { type Clock, uuidv7 } from "../net/clock.ts";
import { describe } from "./check-options.ts";
import type { Contexts } from "./contexts.ts";
import type { EnqueuedJob, ScheduledJob } from "./dispatched-job.ts";
import { dueTime, isTimed } from "./due-time.ts";
import { EnqueueRun } from "./enqueue-run.ts";
import { InvalidOptionError } from "./errors.ts";
import { type JobHeaders, writeHeaders } from "./headers.ts";
import { isoTime } from "./iso-time.ts";
import type { CheckedSettings, PreparedCall } from "./job.ts";
import type { EnqueuingJob, JobDefinition } from "./job-options.ts";
import { keyText } from "./key.ts";
import { LazyProducer, type ProducerSource } from "./lazy-producer.ts";
import type { MiddlewareList } from "./middleware.ts";
import type { Route } from "./queue-line.ts";
import { type EntryRoute, entryRecord } from "./schedule-entry.ts";
import { NoScheduleTopicError } from "./schedule-errors.ts";
import {
  type EncodedPayload,
  encodePayload,
  jsonSerializer,
  roundTrip,
  type SerializedPayload,
  type Serializer,
} from "./serializer.ts";
import { isPromise, type StandardSchemaV1, validate } from "./standard-schema.ts";

const NO_HEADERS: JobHeaders = Object.freeze({});

/** What a draft is made with. */
export interface DraftTools {
  readonly clock: Clock;
  readonly serializer: Serializer;
  /** The app's own producer. */
  readonly producer: LazyProducer;
  /** Where that producer, and any variant, must come from. */
  readonly source: ProducerSource;
  readonly contexts: Contexts;
  readonly middleware: MiddlewareList;
}

/** A job as it will be sent, but for its partition where that has to be looked up. */
export interface EnqueueDraft {
  readonly definition: JobDefinition;
  readonly id: string;
  readonly queue: string;
  /** What order is kept for. */
  readonly key: string | undefined;
  readonly producer: LazyProducer;
  readonly route: Route;
  /** Without the user's headers where middleware has yet to decide on them, and without its value where that is pending. */
  readonly record: ProducerRecord;
  /** What middleware gets; undefined where there is none. */
  readonly intercepted: EnqueuingJob | undefined;
  /** The record's value, where the serializer has not written it or the schema has not decided yet. */
  readonly pendingValue: Promise<SerializedPayload> | undefined;
  /** Where it waits, under which name, and until when (ms since 1970). Undefined: it goes to its queue at once. */
  readonly schedule: { readonly topic: string; readonly entry: string; readonly dueAt: number } | undefined;
}

/**
 * Everything that can be done at once, so that later changes of the payload do no harm: key, value and headers are
 * fixed when this returns. `now`: ms since 1970. Throws what makes the job impossible to send.
 */
export function draftEnqueue(
  tools: DraftTools,
  { definition, settings, payload }: PreparedCall,
  now: number = tools.clock.now(),
): EnqueueDraft {
  const { name, partitionKeyType: type } = definition;
  const queue = settings.queue ?? definition.queue;
  const id = settings.id ?? uuidv7(tools.clock, now);
  const seen: EnqueuingJob = { id, name, queue, payload, headers: settings.headers ?? NO_HEADERS };
  const key = definition.partitioner === undefined ? undefined : keyText(name, type, definition.partitioner(seen));
  const producer = chooseProducer(tools, seen, definition);
  const schedule = scheduleOf(tools.clock, now, definition, settings);
  const { schema } = definition;
  const checked = schema === undefined && tools.serializer === jsonSerializer;
  const { value: written, isVoid } = encodePayload(tools.serializer, payload, checked);
  const value = schema === undefined ? written : judged(schema, tools.serializer, { value: written, isVoid }, name);
  const pendingValue = isPromise(value) ? value : undefined;
  // Whoever sends the draft hears of it; one that is never sent is nobody's failure.
  pendingValue?.catch(() => {});
  const isRecordKey = type === "key";
  const intercepted = tools.middleware.enqueue.length > 0 ? seen : undefined;
  const record: ProducerRecord = {
    topic: queue,
    key: isRecordKey ? key : undefined,
    value: isPromise(value) ? null : value,
    headers: writeHeaders({
      name,
      id,
      enqueuedAt: isoTime(now),
      key: isRecordKey ? undefined : key,
      isVoid,
      version: definition.version,
      contexts: tools.contexts.headers(),
      user: intercepted === undefined ? settings.headers : undefined,
    }),
  };
  // A job without a key is still one of a kind where its caller says which: those of one id meet on a partition.
  const route: Route =
    key === undefined && settings.id !== undefined
      ? { job: name, key: id, type: "partitionKey" }
      : { job: name, key, type };
  return { definition, id, queue, key, producer, route, record, intercepted, pendingValue, schedule };
}

function scheduleOf(
  clock: Clock,
  now: number,
  definition: JobDefinition,
  settings: CheckedSettings,
): EnqueueDraft["schedule"] {
  if (!isTimed(settings)) return undefined;
  const { wait, waitUntil } = settings;
  const dueAt = dueTime({ wait, waitUntil }, now, `job "${definition.name}".set`);
  if (dueAt <= now) return undefined;
  const { scheduledMessagesTopic: topic } = definition;
  if (topic === undefined) throw new NoScheduleTopicError(definition.name);
  return { topic, entry: uuidv7(clock), dueAt };
}

/** The value, once the schema has let pass what a worker will read from it. */
function judged(
  schema: StandardSchemaV1,
  serializer: Serializer,
  { value: written, isVoid }: EncodedPayload,
  job: string,
): EncodedPayload["value"] {
  const judge = (value: SerializedPayload): EncodedPayload["value"] => {
    const read = roundTrip(serializer, value, isVoid);
    const verdict = isPromise(read)
      ? read.then((payload) => validate(schema, payload, job))
      : validate(schema, read, job);
    return isPromise(verdict) ? verdict.then(() => value) : value;
  };
  return isPromise(written) ? written.then(judge) : judge(written);
}

/** Runs the enqueue middleware, if there is any. From here on a draft has to be seen through. */
export function intercept({ intercepted }: EnqueueDraft, middleware: MiddlewareList): EnqueueRun | undefined {
  return intercepted === undefined ? undefined : new EnqueueRun(middleware, intercepted);
}

/** The draft's record, with what has been found out since: the one to send, be it an entry that stands for it. */
export function completeRecord(
  { record, schedule }: EnqueueDraft,
  route: number | EntryRoute | undefined,
  headers: JobHeaders | undefined,
  value: SerializedPayload | undefined,
): ProducerRecord {
  const own = record.headers as readonly HeaderInput[];
  const complete = {
    ...record,
    value: value ?? record.value,
    headers: headers === undefined ? own : [...own, ...Object.entries(headers)],
  };
  if (typeof route !== "object") return { ...complete, partition: route };
  const { topic, entry, dueAt } = schedule!;
  return entryRecord({ ...complete, partition: route.target }, entry, dueAt, { topic, partition: route.partition });
}

/** What its caller gets of a draft that was sent, and at which place. */
export function dispatchedJob(
  { id, queue, schedule }: EnqueueDraft,
  { partition, offset }: Pick<RecordMetadata, "partition" | "offset">,
): EnqueuedJob | ScheduledJob {
  if (schedule === undefined) return { state: "enqueued", id, queue, topic: queue, partition, offset };
  const { topic, entry, dueAt } = schedule;
  return { state: "scheduled", id, queue, dueAt: new Date(dueAt), entry, topic, partition, offset };
}

function chooseProducer(tools: DraftTools, seen: EnqueuingJob, definition: JobDefinition): LazyProducer {
  if (definition.producer === undefined) return tools.producer;
  const chosen = definition.producer(seen);
  if (chosen instanceof LazyProducer && chosen.source === tools.source) return chosen;
  throw new InvalidOptionError(
    `job "${definition.name}".producer`,
    `it gave ${describe(chosen)}: app.producer, or a variant made by app.producer.with(…) of the same app, is expected`,
  );
}
