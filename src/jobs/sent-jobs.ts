import type { ProducerRecord, RecordMetadata } from "../client/producer-record.ts";
import type { RecordSink } from "./queue-line.ts";
import { ReceivedJob } from "./received-job.ts";

/**
 * Told of each job at its sending, in the order of the calls: as a worker will read it, but with neither partition nor
 * offset (-1), which the promise then gives. A promise, which must not reject, keeps the enqueue waiting until the
 * payload is read.
 */
export type SentJobs = (job: ReceivedJob, acknowledged: Promise<ReceivedJob>) => Promise<void> | undefined;

/** A way into a queue that tells of what passes. */
export function tellSent(sink: RecordSink, sent: SentJobs): RecordSink {
  const telling = new Set<Promise<void>>();
  return {
    partitionsFor: (topic) => sink.partitionsFor(topic),
    partitionsNow: (topic) => sink.partitionsNow(topic),
    get room() {
      return telling.size === 0 ? sink.room : Promise.all([sink.room, ...telling]).then(() => {});
    },
    send: (record) => {
      const result = sink.send(record);
      const told = tellOne(record, sent, result)?.then(() => void telling.delete(told!));
      if (told === undefined) return result;
      telling.add(told);
      return Promise.all([result, told]).then(([metadata]) => metadata);
    },
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
  return sent(
    asReceived(record, { topic, partition: -1, offset: -1, timestamp }),
    result.then((metadata) => asReceived(record, metadata)),
  );
}

function asReceived(record: ProducerRecord, { topic, partition, offset, timestamp }: RecordMetadata): ReceivedJob {
  const { key, value, headers = [] } = record;
  const pairs = Array.isArray(headers) ? (headers as readonly Pair[]) : Object.entries(headers);
  return new ReceivedJob(topic, partition, {
    ...{ offset, timestamp, key: toBytes(key), value: toBytes(value) },
    headers: pairs.map(([name, text]) => [name, toBytes(text)]),
  });
}

type Pair = readonly [string, string | Uint8Array | null];

const encoder = new TextEncoder();

function toBytes(data: string | Uint8Array | null | undefined): Uint8Array | null {
  return typeof data === "string" ? encoder.encode(data) : (data ?? null);
}
