import assert from "node:assert/strict";
import { test } from "node:test";
import { readTopic, text } from "../conformance/reading.ts";
import { clusterTarget, type TestCluster } from "../conformance/target.ts";
import { toLine } from "./record-lines.ts";
import { assertStoredWith, byPartition, codecs, linesOf, ours, sampleRecords } from "./samples.ts";
import {
  brokers,
  type Installed,
  installFranz,
  installJsPeer,
  javaPeer,
  type Peer,
  withoutCluster,
  withoutJava,
} from "./tools.ts";

const TIMEOUT = 120_000;
const ROUNDS = 12;

type Cleanup = Parameters<ReturnType<typeof clusterTarget>["open"]>[0];
const open = (t: Cleanup): Promise<TestCluster> => clusterTarget(brokers!.split(",")).open(t);

/** Records go both ways with every codec that both sides have. */
function exchange(peer: Peer): void {
  const records = sampleRecords(peer.hasAllHeaders);
  const lines = records.map(toLine);
  for (const codec of codecs.filter((one) => peer.codecs.includes(one))) {
    test(`ours reads what ${peer.name} writes with ${codec}`, { timeout: TIMEOUT }, async (t) => {
      const cluster = await open(t);
      const topic = await cluster.topic(2);
      await peer.write(topic, codec, lines);
      await assertStoredWith(cluster, topic, codec);
      assert.deepEqual(byPartition(linesOf(await readTopic(cluster, topic, lines.length))), byPartition(lines));
    });

    if (peer.unreadable?.includes(codec)) continue;
    test(`${peer.name} reads what ours writes with ${codec}`, { timeout: TIMEOUT }, async (t) => {
      const cluster = await open(t);
      const topic = await cluster.topic(2);
      await cluster.kafka().producer({ compression: codec }).sendMany(ours(topic, records));
      await assertStoredWith(cluster, topic, codec);
      assert.deepEqual(byPartition(await peer.read(topic, lines.length)), byPartition(lines));
    });
  }

  test(`${peer.name} puts keys on the partitions that ours puts them on`, { timeout: TIMEOUT }, async (t) => {
    const cluster = await open(t);
    const topic = await cluster.topic(7);
    const keys = ["a", "ключ", "漢字", "🎈", ...Array.from({ length: 40 }, (_, i) => `key-${i}`)];
    const encoder = new TextEncoder();
    const keyed = keys.map((key) => ({ key: encoder.encode(key), value: encoder.encode("theirs"), headers: [] }));
    await peer.write(topic, "none", keyed.map(toLine));
    const theirs = await readTopic(cluster, topic, keys.length);
    const own = await cluster
      .kafka()
      .producer()
      .sendMany(keys.map((key) => ({ topic, key, value: "ours" })));
    for (const [i, key] of keys.entries()) {
      const { partition } = own[i]!;
      assert.ok(
        theirs.get(partition)?.some((record) => text(record.key) === key),
        `${key} is on ${partition}`,
      );
    }
  });
}

/** A peer that could not be installed is one skipped test, which says why. */
function withInstalled<T extends Peer>(name: string, installed: Installed<T>, declare: (peer: T) => void): void {
  if (typeof installed === "string") test(`${name} and ours read each other`, { skip: installed }, () => {});
  else {
    declare(installed.tool);
    // Declared last, and so run last.
    test(`${name} is removed again`, () => installed.remove());
  }
}

if (withoutJava) test("Java and ours read each other", { skip: withoutJava }, () => {});
else exchange(javaPeer);

for (const name of ["kafkajs", "platformatic"] as const) {
  withInstalled(name, withoutCluster || installJsPeer(name), exchange);
}

withInstalled("franz-go", withoutCluster || installFranz(), (franz) => {
  exchange(franz);

  test("ours reads what franz-go's transactions committed, and nothing that they aborted", {
    timeout: TIMEOUT,
  }, async (t) => {
    const cluster = await open(t);
    const topic = await cluster.topic(3);
    await franz.transactions(topic, ROUNDS);
    const all = ROUNDS * 36;
    const everything = [...(await readTopic(cluster, topic, all, { isolation: "readUncommitted" })).values()].flat();
    const expected = everything.map(({ value }) => text(value)!).filter((value) => !value.startsWith("aborted"));
    assert.equal(expected.length, all - (ROUNDS * 12 * 2) / 3);
    const committed = [...(await readTopic(cluster, topic, expected.length)).values()].flat();
    assert.deepEqual(committed.map(({ value }) => text(value)).sort(), expected.sort());
  });

  test("ours works with franz-go's fake cluster: a broker that nobody here wrote", { timeout: TIMEOUT }, async (t) => {
    const fake = await franz.startFakeCluster();
    const ended = { after: (fn: () => Promise<void>) => t.after(() => fn().finally(() => fake.stop())) };
    const cluster = await clusterTarget(fake.brokers).open(ended);
    const topic = await cluster.topic(3);
    const producer = cluster.kafka().producer();
    const keys = Array.from({ length: 500 }, (_, i) => `key-${i % 50}`);
    await producer.sendMany(keys.map((key, i) => ({ topic, key, value: String(i) })));
    const transactional = cluster.kafka().producer({ transactionalId: cluster.fresh("transaction") });
    await transactional.transaction((tx) => void tx.send({ topic, key: "key-0", value: "committed" }));
    const no = new Error("no");
    const aborting = transactional.transaction(async (tx) => {
      await tx.send({ topic, key: "key-0", value: "aborted" });
      throw no;
    });
    await assert.rejects(aborting, (error) => error === no);
    for (const groupProtocol of ["classic", "consumer"] as const) {
      const groupId = cluster.fresh("group");
      const consumer = cluster.kafka().consumer({ groupId, topics: [topic], groupProtocol });
      const read: (string | null)[] = [];
      for await (const batch of consumer) {
        read.push(...batch.records.map(({ value }) => text(value)));
        await consumer.commit(batch);
        if (read.length >= keys.length + 1) break;
      }
      assert.deepEqual(read.sort(), [...keys.map((_, i) => String(i)), "committed"].sort(), groupProtocol);
      const lags = await cluster.kafka().admin().groupLag(groupId);
      // Markers after the last record are not read, and so not committed.
      assert.ok(lags.every(({ lag }) => lag <= 3));
    }
  });

  test("a group of franz-go's hands over to ours at the offsets that it committed", { timeout: TIMEOUT }, async (t) => {
    const cluster = await open(t);
    const [topic, groupId] = [await cluster.topic(2), cluster.fresh("group")];
    const lines = sampleRecords().map(toLine);
    const producer = cluster.kafka().producer();
    await producer.sendMany(ours(topic, sampleRecords()));
    assert.equal((await franz.group(topic, groupId, lines.length)).length, lines.length);
    assert.deepEqual(
      (await cluster.kafka().admin().groupLag(groupId)).map(({ lag }) => lag),
      [0, 0],
    );
    await producer.send({ topic, partition: 1, value: "after" });
    const consumer = cluster.kafka().consumer({ groupId, topics: [topic] });
    for await (const batch of consumer) {
      assert.deepEqual(
        batch.records.map(({ value }) => text(value)),
        ["after"],
      );
      break;
    }
  });
});
