import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { codecIds } from "../../protocol/compression.ts";
import { fetch, type PartitionData } from "../../protocol/messages/01-fetch.ts";
import { checkCrc, codecIdOf, readBatchHeaders } from "../../protocol/record-batch.ts";
import { readFetched } from "../../protocol/records.ts";
import type { BrokerOptions } from "../../src/broker/mod.ts";
import { type Bench, batchOf, type RawClient, startBench } from "./raw-client.ts";
import { fetchRequest, NAMED, produceTo, text } from "./records-bench.ts";

interface Scene {
  readonly bench: Bench;
  readonly client: RawClient;
  /** Writes one record of now. */
  write(key: string | null, value?: string): Promise<void>;
  /** The offsets that are there. */
  offsets(): Promise<number[]>;
  startOffset(): number;
}

async function scene(configs: Record<string, string>, options: BrokerOptions = {}): Promise<Scene> {
  const bench = await startBench(options);
  await bench.broker.createTopic("t", { partitions: 1, configs });
  const client = await bench.connect();
  const startOffset = (): number => bench.broker.topics()[0]!.partitions[0]!.logStartOffset;
  return {
    bench,
    client,
    startOffset,
    async write(key, value = "x".repeat(100)) {
      const part = await produceTo(client, bench, batchOf([[key, value]], bench.clock.now()));
      assert.equal(part.errorCode, 0);
    },
    async offsets() {
      const found: number[] = [];
      for (let next = startOffset(); ; ) {
        const answer = await bench.run(client.call(fetch, NAMED, fetchRequest([{ fetchOffset: next }])));
        const part = answer.responses[0]!.partitions[0]! as PartitionData;
        if (part.records!.length === 0) return found;
        const { records, nextOffset } = readFetched(part.records!.slice(), next, null, 1 << 20);
        found.push(...records.map(({ offset }) => offset));
        next = nextOffset;
      }
    },
  };
}

describe("retention", () => {
  test("deletes what is older than retention.ms, the active segment too, and the log goes on", async () => {
    const { bench, write, offsets, startOffset } = await scene({ "retention.ms": "600000" });
    await write(null);
    await bench.time.advance(500_000);
    await write(null);
    await bench.time.advance(99_000);
    assert.deepEqual(await offsets(), [0, 1]);
    await bench.time.advance(1_000_000);
    assert.deepEqual([await offsets(), startOffset()], [[], 2]);
    await write(null);
    assert.deepEqual(await offsets(), [2]);
  });

  test("counts by segments, and by their newest record", async () => {
    const { bench, write, offsets } = await scene({ "retention.ms": "100000", "segment.bytes": "400" });
    for (let i = 0; i < 6; i++) {
      await write(null);
      await bench.time.advance(30_000);
    }
    await bench.broker.applyRetention("t");
    assert.deepEqual(
      await offsets(),
      [2, 3, 4, 5],
      "two to a segment: the third of 120 s ago is beside one of 90 s ago",
    );
  });

  test("keeps at least retention.bytes, and less than a segment more", async () => {
    const { bench, write, offsets } = await scene({ "retention.bytes": "700", "segment.bytes": "400" });
    for (let i = 0; i < 20; i++) await write(null);
    await bench.broker.applyRetention("t");
    assert.deepEqual(await offsets(), [14, 15, 16, 17, 18, 19]);
  });

  test("leaves compacted topics alone, unless they say both", async () => {
    for (const [policy, expected] of [
      ["compact", [0]],
      ["compact,delete", []],
    ] as const) {
      const { bench, write, offsets } = await scene({ "cleanup.policy": policy, "retention.ms": "1000" });
      await write("a");
      await bench.time.advance(1_000_000);
      assert.deepEqual(await offsets(), expected);
    }
  });

  test("a topic's new setting is heeded, and -1 is for ever", async () => {
    const { bench, write, offsets } = await scene({ "retention.ms": "-1" });
    await write(null);
    await bench.time.advance(100 * 86_400_000);
    assert.deepEqual(await offsets(), [0]);
    await bench.broker.deleteTopic("t");
    await bench.broker.createTopic("t", { partitions: 1 });
    await write(null);
    await bench.time.advance(8 * 86_400_000);
    assert.deepEqual(await offsets(), [], "seven days are Kafka's default");
  });

  test("sets no timer where there is nothing to delete", async () => {
    const { bench, write } = await scene({ "retention.ms": "1000" });
    await write(null);
    await assert.rejects(bench.run(new Promise(() => undefined)), { name: "VirtualDeadlockError" });
    assert.ok(bench.time.elapsed >= 300_000 && bench.time.elapsed < 700_000);
  });
});

describe("compaction in the background", () => {
  const compact = { "cleanup.policy": "compact", "segment.bytes": "400" };

  test("comes once the new part is large enough, and leaves the active segment alone", async () => {
    const { bench, write, offsets } = await scene({ ...compact, "min.cleanable.dirty.ratio": "0.7" });
    for (let i = 0; i < 9; i++) await write("a");
    await bench.time.advance(20_000);
    assert.deepEqual(await offsets(), [7, 8], "the last of what is closed, and the open one");
    await write("b");
    await write("b");
    await bench.time.advance(20_000);
    assert.deepEqual(await offsets(), [7, 8, 9, 10], "two thirds are not 0.7");
  });

  test("waits for min.compaction.lag.ms, and does not wait longer than max.compaction.lag.ms", async () => {
    const young = await scene({ ...compact, "min.compaction.lag.ms": "60000" });
    for (let i = 0; i < 5; i++) await young.write("a");
    await young.bench.time.advance(50_000);
    assert.deepEqual(await young.offsets(), [0, 1, 2, 3, 4]);
    await young.bench.time.advance(40_000);
    assert.deepEqual(await young.offsets(), [3, 4]);
    const late = await scene({ ...compact, "min.cleanable.dirty.ratio": "1", "max.compaction.lag.ms": "60000" });
    for (let i = 0; i < 5; i++) await late.write("a");
    await late.bench.time.advance(50_000);
    assert.deepEqual(await late.offsets(), [0, 1, 2, 3, 4]);
    await late.bench.time.advance(40_000);
    assert.deepEqual(await late.offsets(), [3, 4]);
  });

  test("broker.compact does it at once, and only for topics that are compacted", async () => {
    const { bench, write, offsets } = await scene({ "cleanup.policy": "compact" });
    for (const key of ["a", "b", "a", "a"]) await write(key);
    await bench.broker.compact("t");
    assert.deepEqual(await offsets(), [1, 3]);
    await bench.broker.createTopic("plain");
    await assert.rejects(bench.broker.compact("plain"), { code: "POLICY_VIOLATION" });
    await assert.rejects(bench.broker.compact("none"), { code: "UNKNOWN_TOPIC_OR_PARTITION" });
  });

  test("a fetch from a record that is gone gives the next one that is there", async () => {
    const { bench, client, write } = await scene({ "cleanup.policy": "compact" });
    for (const key of ["a", "a", "a", "b"]) await write(key);
    await bench.broker.compact("t");
    const request = fetchRequest([{ fetchOffset: 0, partitionMaxBytes: 1 }]);
    const part = (await bench.run(client.call(fetch, NAMED, request))).responses[0]!.partitions[0]!;
    assert.deepEqual(
      readFetched(part.records!.slice(), 0, null, 1 << 20).records.map(({ offset }) => offset),
      [2],
    );
  });
});

describe("other settings of a topic", () => {
  for (const type of ["uncompressed", "gzip", "snappy", "lz4"] as const) {
    test(`compression.type ${type} is what everything is stored in`, async () => {
      const { bench, client, offsets } = await scene({ "compression.type": type });
      for (const codec of ["none", "gzip", "lz4"] as const) {
        const records = batchOf(text("x".repeat(500), "y".repeat(500)), bench.clock.now(), undefined, codec);
        assert.equal((await produceTo(client, bench, records)).errorCode, 0);
      }
      const answer = await bench.run(client.call(fetch, NAMED, fetchRequest([{ fetchOffset: 0 }])));
      const { records } = answer.responses[0]!.partitions[0]!;
      const stored = readBatchHeaders(records!).map((header) => {
        checkCrc(records!, header);
        return codecIdOf(header);
      });
      assert.deepEqual(stored, new Array(3).fill(type === "uncompressed" ? 0 : codecIds[type]));
      assert.deepEqual(await offsets(), [0, 1, 2, 3, 4, 5]);
    });
  }
});
