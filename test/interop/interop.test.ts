import assert from "node:assert/strict";
import { test } from "node:test";
import type { KafkaRecord } from "../../src/client/mod.ts";
import { readTopic, text } from "../conformance/reading.ts";
import { clusterTarget, type TestCluster } from "../conformance/target.ts";
import { toLine } from "./record-lines.ts";
import { assertStoredWith, codecs, ours, sampleRecords } from "./samples.ts";
import { brokers, java, kcat, withoutJava, withoutKcat } from "./tools.ts";

const TIMEOUT = 120_000;
const encoder = new TextEncoder();

type Cleanup = Parameters<ReturnType<typeof clusterTarget>["open"]>[0];
const open = (t: Cleanup): Promise<TestCluster> => clusterTarget(brokers!.split(",")).open(t);

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

for (const codec of codecs) {
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

/** Commits and aborts of several producers, each with its part in both partitions; what is committed, by partition. */
async function writeTransactions(cluster: TestCluster, topic: string): Promise<string[][]> {
  const committed: string[][] = [[], []];
  for (let round = 0; round < 9; round++) {
    const producer = cluster.kafka().producer({ transactionalId: `${topic}-${round % 3}`, compression: "gzip" });
    const transaction = await producer.begin();
    const isKept = round % 2 === 0;
    for (const partition of [0, 1]) {
      const values = Array.from({ length: 5 }, (_, i) => `${isKept ? "kept" : "aborted"} ${round}.${i}`);
      void transaction.sendMany(values.map((value) => ({ topic, partition, value })));
      if (isKept) committed[partition]!.push(...values);
    }
    await (isKept ? transaction.commit() : transaction.abort());
    await producer.close();
  }
  return committed;
}

test("Java reads what our transactions committed, and nothing that they aborted", {
  skip: withoutJava,
  timeout: TIMEOUT,
}, async (t) => {
  const cluster = await open(t);
  const topic = await cluster.topic(2);
  const committed = await writeTransactions(cluster, topic);
  const read = (await java(["read", topic, String(committed.flat().length)])).map((line) => line.split("\t"));
  const asTheirs = (value: string): string =>
    toLine({ key: null, value: encoder.encode(value), headers: [] }).split("\t")[3]!;
  for (const partition of [0, 1]) {
    assert.deepEqual(
      read.filter(([number]) => Number(number) === partition).map(([, , , value]) => value),
      committed[partition]!.map(asTheirs),
    );
  }
});

test("kcat reads what our transactions committed, and nothing that they aborted", {
  skip: withoutKcat,
  timeout: TIMEOUT,
}, async (t) => {
  const cluster = await open(t);
  const topic = await cluster.topic(2);
  const committed = await writeTransactions(cluster, topic);
  const settings = ["-X", "isolation.level=read_committed"];
  const printed = await kcat(["-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%p\t%s\n", ...settings]);
  const read = printed
    .trim()
    .split("\n")
    .map((line) => line.split("\t"));
  for (const partition of [0, 1]) {
    const own = read.filter(([number]) => Number(number) === partition);
    assert.deepEqual(
      own.map(([, value]) => value),
      committed[partition],
    );
  }
});
