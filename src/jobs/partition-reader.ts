import type { FetchedRecord } from "../client/fetcher.ts";
import type { Kafka } from "../client/kafka.ts";
import type { TopicPartition } from "../client/topic-partition.ts";

/** Records of a partition, in order. */
export interface ReadBatch {
  readonly records: readonly FetchedRecord[];
  /** All below it has been read. */
  readonly nextOffset: number;
  /** Of the last record that was read; -1: it is not known. */
  readonly leaderEpoch: number;
}

/** Little, since each batch is worked on for long. */
const MAX_BUFFERED_BYTES = 1024 * 1024;

/**
 * The committed records of a partition from one offset up to another, which must not be beyond the last stable offset.
 * It ends early where `signal` aborts. Where the log turns out not to have what is to be read, it begins again with what
 * there is, or throws: `offsetReset`.
 */
export async function* readPartition(
  kafka: Kafka,
  { topic, partition }: TopicPartition,
  from: number,
  to: number,
  signal: AbortSignal,
  offsetReset: "earliest" | "fail" = "earliest",
): AsyncGenerator<ReadBatch, void, void> {
  if (from >= to || signal.aborted) return;
  const consumer = kafka.consumer({
    assignment: [{ topic, partition, offset: from }],
    maxBufferedBytes: MAX_BUFFERED_BYTES,
    offsetReset,
    signal,
  });
  for await (const { records, nextOffset, leaderEpoch } of consumer) {
    yield {
      records: records.filter(({ offset }) => offset < to),
      nextOffset: Math.min(nextOffset, to),
      leaderEpoch,
    };
    if (nextOffset >= to) return;
  }
}
