import assert from "node:assert/strict";
import { test } from "node:test";
import * as zlib from "node:zlib";
import { codecIds } from "../../protocol/compression.ts";
import { codecIdOf, isControl } from "../../protocol/record-batch.ts";
import type { KafkaRecord } from "../../src/client/mod.ts";
import { readTopic, storedBatches, text } from "../conformance/reading.ts";
import { clusterTarget, type TestCluster } from "../conformance/target.ts";
import { lineOf, type PlainRecord, toLine } from "./record-lines.ts";
import {
  brokers,
  installKafkaJs,
  java,
  type KafkaJsMessage,
  kcat,
  withoutCluster,
  withoutJava,
  withoutKcat,
} from "./tools.ts";

const TIMEOUT = 120_000;
const encoder = new TextEncoder();
const codecs = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
const zstdless = "zstdCompressSync" in zlib ? [] : ["zstd"];
const writable = codecs.filter((codec) => !zstdless.includes(codec));

type Cleanup = Parameters<ReturnType<typeof clusterTarget>["open"]>[0];
const open = (t: Cleanup): Promise<TestCluster> => clusterTarget(brokers!.split(",")).open(t);

/** Records of every shape, on two partitions; large enough that batches of them are compressed. */
function sampleRecords(): PlainRecord[] {
  const base = Date.now();
  return Array.from({ length: 400 }, (_, i): PlainRecord => {
    const word = `${i} zażółć 漢字 🎈 ${"lorem ipsum ".repeat(i % 50)}`;
    return {
      partition: i % 2,
      timestamp: base + ((i * 7919) % 1000),
      key: i % 7 === 0 ? null : encoder.encode(i % 11 === 0 ? "" : `key-${i}`),
      value: i % 5 === 0 ? null : encoder.encode(i % 13 === 0 ? "" : word),
      headers: Array.from({ length: i % 4 }, (_, n) => [
        n === 2 ? "same" : `header-${n}-ä`,
        n === 1 && i % 3 === 0 ? null : encoder.encode(`${i}/${n}`),
      ]),
    };
  });
}

/** As our producer takes them. */
function ours(
  topic: string,
  records: readonly PlainRecord[],
): Parameters<ReturnType<ReturnType<TestCluster["kafka"]>["producer"]>["sendMany"]>[0] {
  return records.map((record) => ({ ...record, topic }));
}

function byPartition(lines: readonly string[]): Map<string, string[]> {
  const sorted = new Map<string, string[]>();
  for (const line of lines) {
    const partition = line.slice(0, line.indexOf("\t"));
    sorted.set(partition, [...(sorted.get(partition) ?? []), line]);
  }
  return new Map([...sorted].sort(([a], [b]) => Number(a) - Number(b)));
}

function linesOf(read: ReadonlyMap<number, readonly KafkaRecord[]>): string[] {
  return [...read].flatMap(([partition, records]) => records.map((record) => lineOf(partition, record)));
}

/** A batch that compression would make larger, as a writer's first of a few records may be, is plain. */
async function assertStoredWith(cluster: TestCluster, topic: string, codec: (typeof codecs)[number]): Promise<void> {
  const stored = await storedBatches(cluster.kafka(), topic, 0);
  const used = new Set(stored.filter((batch) => !isControl(batch)).map(codecIdOf));
  if (codec !== "none") used.delete(codecIds.none);
  assert.deepEqual(used, new Set([codecIds[codec]]));
}

test("keys land on the partitions that Java's producer picks", { skip: withoutJava, timeout: TIMEOUT }, async (t) => {
  const cluster = await open(t);
  const topic = await cluster.topic(12);
  const keys = [
    ...Array.from({ length: 65 }, (_, length) => Uint8Array.from({ length }, (_, i) => 97 + ((i * 31 + length) % 26))),
    ...Array.from({ length: 65 }, (_, length) => Uint8Array.from({ length }, (_, i) => (i * 151 + length * 89) & 255)),
    ...["", "ä", "zażółć gęślą jaźń", "漢字", "🎈🎉", "ключ", "مفتاح", "e\u0301", "\u0000", "7", "-1"].map((key) =>
      encoder.encode(key),
    ),
  ];
  const theirs = (
    await java(
      ["write", topic, "none"],
      keys.map((key) => toLine({ key, value: key, headers: [] })),
    )
  ).map(Number);
  const sent = await cluster
    .kafka()
    .producer()
    .sendMany(keys.map((key) => ({ topic, key, value: key })));
  assert.deepEqual(
    sent.map(({ partition }) => partition),
    theirs,
  );
  assert.ok(new Set(theirs).size === 12, "all partitions took part");
});

for (const codec of writable) {
  test(`ours reads what Java's producer writes with ${codec}`, { skip: withoutJava, timeout: TIMEOUT }, async (t) => {
    const cluster = await open(t);
    const topic = await cluster.topic(2);
    const lines = sampleRecords().map(toLine);
    await java(["write", topic, codec], lines);
    await assertStoredWith(cluster, topic, codec);
    assert.deepEqual(byPartition(linesOf(await readTopic(cluster, topic, lines.length))), byPartition(lines));
  });

  test(`Java's consumer reads what ours writes with ${codec}`, { skip: withoutJava, timeout: TIMEOUT }, async (t) => {
    const cluster = await open(t);
    const topic = await cluster.topic(2);
    const records = sampleRecords();
    await cluster.kafka().producer({ compression: codec }).sendMany(ours(topic, records));
    await assertStoredWith(cluster, topic, codec);
    const read = await java(["read", topic, String(records.length)]);
    assert.deepEqual(byPartition(read), byPartition(records.map(toLine)));
  });

  test(`ours reads what kcat writes with ${codec}`, { skip: withoutKcat, timeout: TIMEOUT }, async (t) => {
    const cluster = await open(t);
    const topic = await cluster.topic(1);
    const lines = Array.from({ length: 200 }, (_, i) => [
      `key-${i}`,
      i % 10 === 0 ? "" : `${i} ${"größe ".repeat(30)}`,
    ]);
    const input = lines.map((line) => `${line.join("\t")}\n`).join("");
    await kcat(
      ["-P", "-t", topic, "-p", "0", "-z", codec, "-K", "\t", "-Z", "-H", "source=kcat", "-H", "größe=høj"],
      input,
    );
    await assertStoredWith(cluster, topic, codec);
    const read = (await readTopic(cluster, topic, lines.length)).get(0)!;
    assert.deepEqual(
      read.map(({ key, value }) => [text(key), text(value)]),
      lines.map(([key, value]) => [key, value === "" ? null : value]),
    );
    for (const { headers } of read) {
      assert.deepEqual(
        headers.map(([name, value]) => [name, text(value)]),
        [
          ["source", "kcat"],
          ["größe", "høj"],
        ],
      );
    }
  });

  test(`kcat reads what ours writes with ${codec}`, { skip: withoutKcat, timeout: TIMEOUT }, async (t) => {
    const cluster = await open(t);
    const topic = await cluster.topic(2);
    const records = sampleRecords();
    await cluster.kafka().producer({ compression: codec }).sendMany(ours(topic, records));
    const printed = await kcat(["-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J"]);
    const read = printed
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as KcatRecord);
    assert.equal(read.length, records.length);
    for (const partition of [0, 1]) {
      assert.deepEqual(
        read
          .filter((record) => record.partition === partition)
          .map((record) => [record.ts, record.key, record.payload, record.headers ?? []]),
        records
          .filter((record) => record.partition === partition)
          .map((record) => [
            record.timestamp,
            text(record.key),
            text(record.value),
            record.headers.flatMap(([name, value]) => [name, text(value)]),
          ]),
      );
    }
  });
}

interface KcatRecord {
  readonly partition: number;
  readonly ts: number;
  readonly key: string | null;
  readonly payload: string | null;
  readonly headers?: readonly (string | null)[];
}

test("ours reads what KafkaJS writes, with its codecs", {
  skip: withoutCluster,
  timeout: TIMEOUT,
}, async (t) => {
  const installed = installKafkaJs();
  if (typeof installed === "string") return t.skip(installed);
  t.after(installed.remove);
  const { Kafka, CompressionTypes, Partitioners } = installed.kafkaJs;
  const cluster = await open(t);
  const producer = new Kafka({ brokers: brokers!.split(","), logLevel: 1 }).producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    // Else it stores records twice where one partition of a new topic has no leader yet.
    idempotent: true,
  });
  await producer.connect();
  cluster.onClose(() => producer.disconnect());
  for (const name of ["None", "GZIP", "Snappy", "ZSTD"] as const) {
    const compression = CompressionTypes[name];
    const topic = await cluster.topic(3);
    const messages = Array.from({ length: 300 }, (_, i): KafkaJsMessage => {
      const value = i % 9 === 0 ? null : `${i} ${"größe ".repeat(i % 40)}`;
      return { key: `ключ-${i % 20}`, value, headers: { n: String(i), twice: ["a", "b"] } };
    });
    await producer.send({ topic, compression, messages });
    const read = await readTopic(cluster, topic, messages.length);
    const got = [...read.values()].flat().map(({ key, value, headers }) => ({
      key: text(key),
      value: text(value),
      headers: headers.map(([header, content]) => [header, text(content)]),
    }));
    got.sort((a, b) => Number(a.headers[0]![1]) - Number(b.headers[0]![1]));
    assert.deepEqual(
      got,
      messages.map(({ key, value }, i) => ({
        key,
        value,
        headers: [
          ["n", String(i)],
          ["twice", "a"],
          ["twice", "b"],
        ],
      })),
      name,
    );
    const sent = await cluster
      .kafka()
      .producer()
      .sendMany(messages.map(({ key }) => ({ topic, key: key as string, value: "" })));
    for (const [i, { partition }] of sent.entries()) {
      const before = read.get(partition)!.some(({ key }) => text(key) === messages[i]!.key);
      assert.ok(before, `${messages[i]!.key} goes where KafkaJS sent it`);
    }
  }
});

test("readCommitted reads what transactions committed and nothing that they aborted; readUncommitted reads all", {
  skip: withoutJava,
  timeout: TIMEOUT,
}, async (t) => {
  const cluster = await open(t);
  const [topic, rounds] = [await cluster.topic(3), 12];
  await java(["transactions", topic, String(rounds)]);
  const all = rounds * 36;
  const everything = [...(await readTopic(cluster, topic, all, { isolation: "readUncommitted" })).values()].flat();
  assert.equal(everything.length, all);
  const kept = (records: readonly KafkaRecord[]): (string | null)[] =>
    records.map(({ value }) => text(value)).filter((value) => !value!.startsWith("aborted"));
  const expected = kept(everything);
  assert.equal(expected.length, all - (rounds * 12 * 2) / 3);
  for (const limits of [{}, { partitionMaxBytes: 300, maxBytes: 900 }]) {
    const committed = [...(await readTopic(cluster, topic, expected.length, limits)).values()].flat();
    assert.deepEqual(committed.map(({ value }) => text(value)).sort(), [...expected].sort());
  }
});
