import assert from "node:assert/strict";
import * as zlib from "node:zlib";
import { codecIds } from "../../protocol/compression.ts";
import { codecIdOf, isControl } from "../../protocol/record-batch.ts";
import type { KafkaRecord } from "../../src/client/mod.ts";
import { storedBatches } from "../conformance/reading.ts";
import type { TestCluster } from "../conformance/target.ts";
import { lineOf, type PlainRecord } from "./record-lines.ts";

export type Codec = keyof typeof codecIds;

/** The codecs that this runtime has. */
export const codecs: readonly Codec[] = (["none", "gzip", "snappy", "lz4", "zstd"] as const).filter(
  (codec) => codec !== "zstd" || "zstdCompressSync" in zlib,
);

const encoder = new TextEncoder();

/**
 * Records of every shape, on two partitions; large enough that batches of them are compressed. `hasAllHeaders`: with
 * headers that have no value, and such that come twice.
 */
export function sampleRecords(hasAllHeaders = true): PlainRecord[] {
  const base = Date.now();
  return Array.from({ length: 400 }, (_, i): PlainRecord => {
    const word = `${i} zażółć 漢字 🎈 ${"lorem ipsum ".repeat(i % 50)}`;
    return {
      partition: i % 2,
      timestamp: base + ((i * 7919) % 1000),
      key: i % 7 === 0 ? null : encoder.encode(i % 11 === 0 ? "" : `key-${i}`),
      value: i % 5 === 0 ? null : encoder.encode(i % 13 === 0 ? "" : word),
      headers: Array.from({ length: i % (hasAllHeaders ? 5 : 3) }, (_, n) => [
        n >= 2 ? "same" : `header-${n}-ä`,
        hasAllHeaders && n === 1 && i % 3 === 0 ? null : encoder.encode(`${i}/${n}`),
      ]),
    };
  });
}

/** As our producer takes them. */
export function ours(
  topic: string,
  records: readonly PlainRecord[],
): Parameters<ReturnType<ReturnType<TestCluster["kafka"]>["producer"]>["sendMany"]>[0] {
  return records.map((record) => ({ ...record, topic }));
}

export function byPartition(lines: readonly string[]): Map<string, string[]> {
  const sorted = new Map<string, string[]>();
  for (const line of lines) {
    const partition = line.slice(0, line.indexOf("\t"));
    sorted.set(partition, [...(sorted.get(partition) ?? []), line]);
  }
  return new Map([...sorted].sort(([a], [b]) => Number(a) - Number(b)));
}

export function linesOf(read: ReadonlyMap<number, readonly KafkaRecord[]>): string[] {
  return [...read].flatMap(([partition, records]) => records.map((record) => lineOf(partition, record)));
}

/** A batch that compression would make larger, as a writer's first of a few records may be, is plain. */
export async function assertStoredWith(cluster: TestCluster, topic: string, codec: Codec): Promise<void> {
  const stored = await storedBatches(cluster.kafka(), topic, 0);
  const used = new Set(stored.filter((batch) => !isControl(batch)).map(codecIdOf));
  if (codec !== "none") used.delete(codecIds.none);
  assert.deepEqual(used, new Set([codecIds[codec]]));
}
