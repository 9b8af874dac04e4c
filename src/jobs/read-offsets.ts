import type { FetchedRecord } from "../client/fetcher.ts";
import type { Kafka } from "../client/kafka.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import { readPartition } from "./partition-reader.ts";

/** Offsets between two wanted records that are rather read through than jumped over: another read costs as much. */
const GAP = 2_000;

/**
 * The committed records at some offsets of a partition, in as few reads as it takes. What is not there any more is left
 * out. `offsetReset`: as {@link readPartition} has it.
 */
export async function* readOffsets(
  kafka: Kafka,
  place: TopicPartition,
  offsets: Iterable<number>,
  signal: AbortSignal,
  offsetReset: "earliest" | "fail" = "earliest",
): AsyncGenerator<FetchedRecord, void, void> {
  const wanted = new Set(offsets);
  for (const [from, to] of ranges([...wanted].sort((a, b) => a - b)))
    for await (const { records } of readPartition(kafka, place, from, to, signal, offsetReset))
      for (const record of records) if (wanted.has(record.offset)) yield record;
}

/** From each first offset up to behind the last of what is read in one go. */
function ranges(offsets: readonly number[]): (readonly [number, number])[] {
  const found: [number, number][] = [];
  for (const offset of offsets) {
    const last = found.at(-1);
    if (last !== undefined && offset - last[1] <= GAP) last[1] = offset + 1;
    else found.push([offset, offset + 1]);
  }
  return found;
}
