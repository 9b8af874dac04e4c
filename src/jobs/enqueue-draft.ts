import type { HeaderInput, ProducerRecord } from "../client/producer-record.ts";
import { type Clock, uuidv7 } from "../net/clock.ts";
import { describe } from "./check-options.ts";
import type { Contexts } from "./contexts.ts";
import { EnqueueRun } from "./enqueue-run.ts";
import { InvalidOptionError } from "./errors.ts";
import { type JobHeaders, writeHeaders } from "./headers.ts";
import { isoTime } from "./iso-time.ts";
import type { PreparedCall } from "./job.ts";
import type { EnqueuingJob, JobDefinition } from "./job-options.ts";
import { keyText } from "./key.ts";
import { LazyProducer, type ProducerSource } from "./lazy-producer.ts";
import type { MiddlewareList } from "./middleware.ts";
import type { Route } from "./queue-line.ts";
import { encodePayload, jsonSerializer, roundTrip, type Serializer } from "./serializer.ts";
import { isPromise, validate } from "./standard-schema.ts";

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
  /** Without the user's headers where middleware has yet to decide on them. */
  readonly record: ProducerRecord;
  /** What middleware gets; undefined where there is none. */
  readonly intercepted: EnqueuingJob | undefined;
  /** The schema has not decided yet. */
  readonly validating: Promise<unknown> | undefined;
}

/**
 * Everything that can be done at once, so that later changes of the payload do no harm: key, value and headers are
 * fixed when this returns. Throws what makes the job impossible to send.
 */
export function draftEnqueue(tools: DraftTools, { definition, settings, payload }: PreparedCall): EnqueueDraft {
  const { name, partitionKeyType: type } = definition;
  const queue = settings.queue ?? definition.queue;
  const id = settings.id ?? uuidv7(tools.clock);
  const seen: EnqueuingJob = { id, name, queue, payload, headers: settings.headers ?? {} };
  const key = definition.partitioner === undefined ? undefined : keyText(name, type, definition.partitioner(seen));
  const producer = chooseProducer(tools, seen, definition);
  const { schema } = definition;
  const checked = schema === undefined && tools.serializer === jsonSerializer;
  const encoded = encodePayload(tools.serializer, payload, checked);
  const validated = schema === undefined ? undefined : validate(schema, roundTrip(tools.serializer, encoded), name);
  const isRecordKey = type === "key";
  const intercepted = tools.middleware.enqueue.length > 0 ? seen : undefined;
  const record: ProducerRecord = {
    topic: queue,
    key: isRecordKey ? key : undefined,
    value: encoded.value,
    headers: writeHeaders({
      name,
      id,
      enqueuedAt: isoTime(tools.clock.now()),
      key: isRecordKey ? undefined : key,
      isVoid: encoded.isVoid,
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
  const validating = isPromise(validated) ? validated : undefined;
  return { definition, id, queue, key, producer, route, record, intercepted, validating };
}

/** Runs the enqueue middleware, if there is any. From here on a draft has to be seen through. */
export function intercept({ intercepted }: EnqueueDraft, middleware: MiddlewareList): EnqueueRun | undefined {
  return intercepted === undefined ? undefined : new EnqueueRun(middleware, intercepted);
}

/** The draft's record, with what has been found out since. */
export function completeRecord(
  { record }: EnqueueDraft,
  partition: number | undefined,
  headers: JobHeaders | undefined,
): ProducerRecord {
  const own = record.headers as readonly HeaderInput[];
  return {
    ...record,
    partition,
    headers: headers === undefined ? own : [...own, ...Object.entries(headers)],
  };
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
