import type { ProducerRecord, RecordMetadata } from "../client/producer-record.ts";
import type { RecordSink } from "./queue-line.ts";
import { ReceivedJob } from "./received-job.ts";

/**
 * Told of each job at its sending, in the order of the calls: as a worker will read it, but with neither partition nor
 * offset (-1), which the promise then gives.
 */
export type SentJobs = (job: ReceivedJob, acknowledged: Promise<ReceivedJob>) => void;

/** A way into a queue that tells of what passes. */
export function tellSent(sink: RecordSink, sent: SentJobs): RecordSink {
  return {
    partitionsFor: (topic) => sink.partitionsFor(topic),
    get room() {
      return sink.room;
    },
    send: (record) => {
      const result = sink.send(record);
      tellOne(record, sent, result);
      return result;
    },
  };
}

/** Tells of records that are sent together, and of the place that each of them gets. */
export function tellAllSent(
  records: readonly ProducerRecord[],
  sent: SentJobs,
  results: Promise<readonly RecordMetadata[]>,
): void {
  for (const [i, record] of records.entries()) {
    tellOne(
      record,
      sent,
      results.then((places) => places[i]!),
    );
  }
}

function tellOne(record: ProducerRecord, sent: SentJobs, result: Promise<RecordMetadata>): void {
  const { topic, timestamp = -1 } = record;
  sent(
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
