import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BatchBuilder, NO_PRODUCER, type ProducerStamp } from "../../protocol/batch-builder.ts";
import { type CompressionType, codecIds } from "../../protocol/compression.ts";
import { checkCrc, codecIdOf, isControl, lastOffsetOf } from "../../protocol/record-batch.ts";
import { readFetched, readRecords } from "../../protocol/records.ts";
import { encodeUtf8 } from "../../protocol/utf8.ts";
import type { PartitionStore } from "../../src/broker/cluster-store.ts";
import { ClusterStore } from "../../src/broker/cluster-store.ts";
import { cleaningRange, cleanLog } from "../../src/broker/log-cleaner.ts";
import { type LogRules, logRulesOf } from "../../src/broker/log-rules.ts";
import { Partition } from "../../src/broker/partition.ts";
import { completeConfigs } from "../../src/broker/topic-configs.ts";
import { MemoryStorage } from "../support/memory-storage.ts";
import { collect } from "./collect.ts";

const DELETE_RETENTION = 1_000;
const rules: LogRules = logRulesOf(
  completeConfigs({
    "cleanup.policy": "compact",
    "delete.retention.ms": `${DELETE_RETENTION}`,
    "segment.bytes": "400",
  }),
);
const batchRules = {
  ...{ maxMessageBytes: 1 << 20, needsKeys: true, logAppendTime: false },
  ...{ timestampBeforeMaxMs: Number.POSITIVE_INFINITY, timestampAfterMaxMs: Number.POSITIVE_INFINITY },
};

type KeyValue = readonly [key: string, value: string | null];
type Step =
  | {
      readonly do: "write";
      readonly records: readonly KeyValue[];
      readonly producer: number;
      readonly codec: CompressionType;
    }
  | { readonly do: "end"; readonly producer: number; readonly committed: boolean }
  | { readonly do: "compact" | "wait" | "restart" };

/** Producers 0 writes plainly, 1 with sequences, 2 and 3 in transactions. */
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      records: fc.array(
        fc.tuple(fc.constantFrom("a", "b", "c", "d", "ö", ""), fc.option(fc.string({ maxLength: 5 }), { freq: 4 })),
        { minLength: 1, maxLength: 4 },
      ),
      producer: fc.nat({ max: 3 }),
      codec: fc.constantFrom<CompressionType>("none", "none", "gzip", "snappy", "lz4"),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("end" as const),
      producer: fc.integer({ min: 2, max: 3 }),
      committed: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("compact" as const, "wait" as const, "restart" as const) }) },
);

/** A record as a reader of committed records gets it. */
interface Seen {
  readonly offset: number;
  readonly key: string;
  readonly value: string | null;
  readonly timestamp: number;
}

const decoder = new TextDecoder();

/** A partition that can be stopped and started, and the record of what was written to it. */
class World {
  readonly storage: MemoryStorage | undefined;
  partition: Partition;
  now = 10_000;
  readonly sequences = [0, 0, 0, 0];
  readonly open = new Set<number>();

  constructor(storage?: MemoryStorage) {
    this.storage = storage;
    this.partition = this.#start(storage);
  }

  #start(storage: MemoryStorage | undefined): Partition {
    const cluster = new ClusterStore(storage);
    if (cluster.topics.length === 0) cluster.keepTopic({ id: "t", name: "t", configs: {}, replicas: [[1]] });
    const store: PartitionStore | undefined = cluster.partition("t", 0);
    const partition = new Partition("t", 0, [1], 1, store);
    partition.log.configure(rules);
    return partition;
  }

  restart(): void {
    if (this.storage === undefined) return;
    const files = this.storage.copy();
    this.partition = this.#start(this.storage);
    assert.deepEqual(this.storage.files, files.files, "a start changes nothing");
  }

  write(producer: number, records: readonly KeyValue[], codec: CompressionType): void {
    const builder = new BatchBuilder(1 << 16);
    for (const [key, value] of records) {
      this.now += 1;
      builder.append(encodeUtf8(key), value === null ? null : encodeUtf8(value), this.now, [["h", encodeUtf8(key)]]);
    }
    builder.close(codec);
    const bytes = collect(builder.stamped(this.#stamp(producer)));
    this.sequences[producer]! += records.length;
    this.partition.append(bytes, 9, batchRules, this.now, () => undefined);
    if (producer >= 2) this.open.add(producer);
  }

  #stamp(producer: number): ProducerStamp {
    if (producer === 0) return NO_PRODUCER;
    const baseSequence = this.sequences[producer]!;
    return { producerId: producer, producerEpoch: 0, baseSequence, transactional: producer >= 2 };
  }

  end(producer: number, committed: boolean): void {
    if (!this.open.delete(producer)) return;
    this.now += 1;
    this.partition.appendMarker({ producerId: producer, producerEpoch: 0, committed, coordinatorEpoch: 0 }, this.now);
  }

  compact(): void {
    this.partition.log.roll();
    for (const _ of cleanLog(this.partition, cleaningRange(this.partition, rules, this.now), rules, this.now));
  }

  /** All that a reader of committed records gets. */
  read(): Seen[] {
    const { log, lastStableOffset, transactions } = this.partition;
    const read = log.read(log.startOffset, Number.POSITIVE_INFINITY, true, lastStableOffset);
    const bytes = collect(read.records);
    if (bytes.length === 0) return [];
    const { records } = readFetched(bytes, 0, transactions.abortedIn(0, lastStableOffset), 1 << 20);
    return records.map(({ offset, key, value, headers, timestamp }) => {
      assert.deepEqual(headers, [["h", key]]);
      return { offset, timestamp, key: decoder.decode(key!), value: value === null ? null : decoder.decode(value) };
    });
  }

  /** Every batch is sound, and they follow each other. */
  check(): void {
    let next = 0;
    for (const { header, bytes } of this.partition.log.batches()) {
      checkCrc(bytes, header);
      assert.ok(header.baseOffset >= next);
      next = lastOffsetOf(header) + 1;
      const records = readRecords(bytes, header, 1 << 20);
      assert.ok(records.every(({ offset }) => offset >= header.baseOffset && offset < next));
      if (records.length > 0 && !isControl(header)) {
        assert.equal(header.maxTimestamp, Math.max(...records.map(({ timestamp }) => timestamp)));
      }
    }
    assert.equal(next, this.partition.log.endOffset, "the last batch says where the log ends");
  }

  /** A repeated batch is known, and the next one is taken. */
  checkSequences(): void {
    for (const producer of [1, 2, 3]) {
      const expected = this.sequences[producer]!;
      const last = this.partition.producers.known.find(({ producerId }) => producerId === producer);
      if (expected > 0) assert.equal(last?.lastSequence, expected - 1, `producer ${producer}`);
    }
  }
}

/** What each key's value is, tombstones as if there were none. */
function latest(records: readonly Seen[]): Map<string, Seen> {
  const values = new Map<string, Seen>();
  for (const record of records) {
    if (record.value === null) values.delete(record.key);
    else values.set(record.key, record);
  }
  return values;
}

describe("compaction", () => {
  for (const kind of ["in memory", "in files"]) {
    test(`keeps the last record of each key at its offset, for any history, ${kind}`, () => {
      fc.assert(
        fc.property(fc.array(anyStep, { minLength: 1, maxLength: 50 }), (steps) => {
          const world = new World(kind === "in files" ? new MemoryStorage() : undefined);
          /** All that was ever to be read. */
          const ever = new Map<number, Seen>();
          for (const step of steps) {
            if (step.do === "write") world.write(step.producer, step.records, step.codec);
            else if (step.do === "end") world.end(step.producer, step.committed);
            else if (step.do === "wait") world.now += DELETE_RETENTION + 1;
            else if (step.do === "restart") world.restart();
            const before = world.read();
            for (const record of before) ever.set(record.offset, record);
            if (step.do !== "compact") continue;
            const { lastStableOffset } = world.partition;
            const { activeBase, endOffset } = world.partition.log;
            world.compact();
            const after = world.read();
            world.check();
            world.checkSequences();
            assert.equal(world.partition.log.endOffset, endOffset);
            assert.equal(world.partition.lastStableOffset, lastStableOffset);
            assert.deepEqual(latest(after), latest(before), "every key has the value that it had");
            for (const record of after) assert.deepEqual(record, ever.get(record.offset), "records are as they were");
            const cleaned = after.filter(({ offset }) => offset < world.partition.log.cleanedTo);
            const keys = cleaned.map(({ key }) => key);
            assert.equal(new Set(keys).size, keys.length, "no key twice where compaction has been");
            if (lastStableOffset === endOffset) assert.equal(world.partition.log.cleanedTo, endOffset);
            assert.ok(world.partition.log.cleanedTo <= Math.max(lastStableOffset, activeBase));
          }
        }),
        { numRuns: 150 },
      );
    });
  }

  test("keeps a tombstone for delete.retention.ms after it was first compacted", () => {
    const world = new World();
    world.write(
      0,
      [
        ["a", "1"],
        ["b", "1"],
      ],
      "none",
    );
    world.write(0, [["a", null]], "none");
    const values = (): (string | null)[] => world.read().map(({ key, value }) => `${key}=${value}`);
    world.compact();
    assert.deepEqual(values(), ["b=1", "a=null"]);
    world.now += DELETE_RETENTION - 2;
    world.write(0, [["c", "1"]], "none");
    world.compact();
    assert.deepEqual(values(), ["b=1", "a=null", "c=1"]);
    world.write(0, [["c", "2"]], "none");
    world.compact();
    assert.deepEqual(values(), ["b=1", "c=2"]);
  });

  test("takes away what aborted transactions wrote, and later their markers", () => {
    const world = new World();
    const batches = (): string[] =>
      [...world.partition.log.batches()].map(({ header }) => `${header.baseOffset}:${header.recordCount}`);
    world.write(2, [["a", "aborted"]], "none");
    world.end(2, false);
    world.write(2, [["a", "committed"]], "none");
    world.end(2, true);
    world.compact();
    assert.deepEqual(batches(), ["1:1", "2:1", "3:1"], "the marker stays as long as readers may need it");
    assert.deepEqual(
      world.read().map(({ value }) => value),
      ["committed"],
    );
    for (let round = 0; round < 2; round++) {
      world.now += DELETE_RETENTION + 1;
      world.write(0, [["b", `${round}`]], "none");
      world.compact();
    }
    assert.deepEqual(batches(), ["2:1", "3:1", "5:1"]);
    assert.deepEqual(world.partition.transactions.abortedIn(0, 6), [], "nobody is told of it any more");
    assert.deepEqual(
      world.read().map(({ value }) => value),
      ["committed", "1"],
    );
  });

  test("does not pass a transaction that is open", () => {
    const world = new World();
    world.write(0, [["a", "1"]], "none");
    world.write(0, [["a", "2"]], "none");
    world.partition.log.roll();
    world.write(2, [["a", "open"]], "none");
    world.partition.log.roll();
    world.write(0, [["a", "3"]], "none");
    world.compact();
    assert.deepEqual(
      [...world.partition.log.batches()].map(({ header }) => header.baseOffset),
      [1, 2, 3],
    );
    world.end(2, true);
    world.compact();
    assert.deepEqual(
      world.read().map(({ value }) => value),
      ["3"],
    );
  });

  test("keeps the compression of what it writes anew", () => {
    const world = new World();
    const long = "x".repeat(200);
    world.write(
      0,
      [
        ["a", long],
        ["b", long],
        ["c", long],
      ],
      "gzip",
    );
    world.write(0, [["a", "2"]], "none");
    world.compact();
    const [first] = world.partition.log.batches();
    assert.deepEqual([codecIdOf(first!.header), first!.header.recordCount], [codecIds.gzip, 2]);
  });

  test("makes few chunks of many", () => {
    const world = new World(new MemoryStorage());
    for (let i = 0; i < 200; i++) world.write(0, [["a", `${i}`.padEnd(50)]], "none");
    assert.ok(world.partition.log.chunks.length > 20);
    for (let i = 0; i < 6; i++) world.compact();
    assert.equal(world.partition.log.chunks.length, 1);
    world.restart();
    assert.deepEqual(
      world.read().map(({ offset }) => offset),
      [199],
    );
  });

  test("ends where the log is cut or deleted meanwhile", () => {
    for (const change of [(p: Partition) => p.truncate(5), (p: Partition) => p.deleteBefore(30)]) {
      const world = new World();
      for (let i = 0; i < 40; i++) world.write(0, [["a", `${i}`.padEnd(50)]], "none");
      world.partition.log.roll();
      const steps = cleanLog(world.partition, cleaningRange(world.partition, rules, world.now), rules, world.now);
      for (let i = 0; i < 3; i++) steps.next();
      change(world.partition);
      const { endOffset, startOffset } = world.partition.log;
      for (const _ of steps);
      assert.equal(world.partition.log.cleanedTo, 0);
      assert.deepEqual([world.partition.log.startOffset, world.partition.log.endOffset], [startOffset, endOffset]);
      assert.equal(world.read().at(-1)?.offset, endOffset - 1);
    }
  });
});
