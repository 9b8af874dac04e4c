import type { KafkaError } from "../client/errors.ts";
import type { ProducerRecord, RecordMetadata } from "../client/producer-record.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import { AT_HEADER, JOB_HEADER } from "./headers.ts";
import type { RecordSink } from "./queue-line.ts";
import { headerTextOf, type JobRecord, ReceivedJob } from "./received-job.ts";
import { dispatchedRecord, targetOf } from "./schedule-entry.ts";

/**
 * Told of each job at its sending, in the order of the calls: as a worker will read it, but with neither partition nor
 * offset (-1), which the promise then gives; of one that waits for its time, `dueAt`, it does not. A promise, which must
 * not reject, keeps the enqueue waiting until the payload is read.
 */
export type SentJobs = (
  job: ReceivedJob,
  acknowledged: Promise<ReceivedJob>,
  dueAt: Date | undefined,
) => Promise<void> | undefined;

/** A way into a queue that tells of what passes. */
export function tellSent(sink: RecordSink, sent: SentJobs): RecordSink {
  const telling = new Set<Promise<void>>();
  const send = (record: ProducerRecord): Promise<RecordMetadata> => {
    const result = sink.send(record);
    const told = tellOne(record, sent, result)?.then(() => void telling.delete(told!));
    if (told === undefined) return result;
    telling.add(told);
    return Promise.all([result, told]).then(([metadata]) => metadata);
  };
  return {
    prepare: () => sink.prepare(),
    partitionsFor: (topic) => sink.partitionsFor(topic),
    partitionsNow: (topic) => sink.partitionsNow(topic),
    get room() {
      return telling.size === 0 ? sink.room : Promise.all([sink.room, ...telling]).then(() => {});
    },
    send,
    post: (record, owner, slot) =>
      void send(record).then(
        ({ partition, offset, timestamp }) => owner.delivered(slot, partition, offset, timestamp),
        (error: KafkaError) => owner.failed(slot, error),
      ),
  };
}

/** Tells of records that are sent together, and of the place that each of them gets. Resolves once all are heard of. */
export async function tellAllSent(
  records: readonly ProducerRecord[],
  sent: SentJobs,
  results: Promise<readonly RecordMetadata[]>,
): Promise<void> {
  await Promise.all(
    records.map((record, i) =>
      tellOne(
        record,
        sent,
        results.then((places) => places[i]!),
      ),
    ),
  );
}

function tellOne(record: ProducerRecord, sent: SentJobs, result: Promise<RecordMetadata>): Promise<void> | undefined {
  const { topic, timestamp = -1 } = record;
  const nowhere = { topic, partition: -1, offset: -1, timestamp };
  const entry = toJobRecord(record, nowhere);
  const target = targetOf(entry);
  if (target !== undefined) return tellScheduled(entry, target, nowhere, sent, result);
  return sent(
    new ReceivedJob(topic, -1, entry),
    result.then((place) => new ReceivedJob(place.topic, place.partition, toJobRecord(record, place))),
    undefined,
  );
}

/** As the job that it becomes: that has no place before it is dispatched. */
function tellScheduled(
  entry: JobRecord,
  target: TopicPartition,
  nowhere: RecordMetadata,
  sent: SentJobs,
  result: Promise<RecordMetadata>,
): Promise<void> | undefined {
  // Messages of other kinds wait as jobs do.
  if (headerTextOf(entry, JOB_HEADER) === undefined) return undefined;
  const record = dispatchedRecord(entry, nowhere, target);
  const job = new ReceivedJob(target.topic, -1, toJobRecord(record, nowhere));
  return sent(
    job,
    result.then(() => job),
    new Date(headerTextOf(entry, AT_HEADER)!),
  );
}

function toJobRecord(record: ProducerRecord, { offset, timestamp }: RecordMetadata): JobRecord {
  const { key, value, headers = [] } = record;
  const pairs = Array.isArray(headers) ? (headers as readonly Pair[]) : Object.entries(headers);
  return {
    ...{ offset, timestamp, key: toBytes(key), value: toBytes(value) },
    headers: pairs.map(([name, text]) => [name, toBytes(text)]),
  };
}

type Pair = readonly [string, string | Uint8Array | null];

const encoder = new TextEncoder();

function toBytes(data: string | Uint8Array | null | undefined): Uint8Array | null {
  return typeof data === "string" ? encoder.encode(data) : (data ?? null);
}
