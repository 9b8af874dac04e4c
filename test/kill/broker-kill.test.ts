import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { Kafka } from "ottla/kafka";
import { metadata } from "../../protocol/messages/03-metadata.ts";
import { findCoordinator } from "../../protocol/messages/10-find-coordinator.ts";
import { sleep, systemClock } from "../../src/net/clock.ts";
import { type FaultCluster, startFaultCluster } from "./fault-cluster.ts";
import { TransformLoop } from "./transform-loop.ts";

/** Names a script that starts and hurts real clusters; see fault-cluster.ts. Without one there is nothing to test. */
const SCRIPT = process.env.OTTLA_FAULT_CLUSTER ?? "";
const BROKERS = 3;
const PARTITIONS = 3;
/** Transactions between one thing that happens and the next. */
const PACE = 15;
/** Records, each in a batch of its own, that are fed while so many transactions are committed. */
const FEED = 40;
const TRANSACTION = 1;
const GROUP = 0;

async function coordinatorOf(kafka: Kafka, key: string, keyType: number): Promise<number> {
  const connection = await kafka.cluster.any("general");
  const answer = await connection.send(findCoordinator, { keyType, coordinatorKeys: [key] });
  return answer.coordinators[0]!.nodeId;
}

test("consume, transform, produce goes on when a coordinator is killed, the transactions' or the group's", {
  skip: SCRIPT === "" && "OTTLA_FAULT_CLUSTER names no script",
  timeout: 600_000,
}, async (t) => {
  const cluster = await startFaultCluster(SCRIPT, BROKERS, mkdtempSync(join(tmpdir(), "ottla-kill-")));
  t.after(() => cluster.close());
  for (const keyType of [TRANSACTION, GROUP]) await withKill(cluster, keyType);
});

/** Nothing is lost, and nothing doubled. */
async function withKill(cluster: FaultCluster, keyType: number): Promise<void> {
  const kafka = new Kafka({ brokers: cluster.brokers });
  const id = `broker-kill-${crypto.randomUUID()}`;
  const names = { source: `${id}-source`, sink: `${id}-sink`, group: id };
  const topics = [names.source, names.sink];
  const config = { "min.insync.replicas": "2" };
  const pool = kafka.transactionPool({ transactionalIdPrefix: id, maxProducers: 2, transactionTimeout: 20_000 });
  const loop = new TransformLoop(kafka, pool, names);
  const values: string[] = [];
  try {
    await kafka
      .admin()
      .createTopics(topics.map((name) => ({ name, partitions: PARTITIONS, replicationFactor: 3, config })));
    const producer = kafka.producer({ batchSize: 60 });
    const feed = async (count: number): Promise<void> => {
      const own = Array.from({ length: count }, (_, i) => String(values.length + i));
      values.push(...own);
      await producer.sendMany(own.map((value, i) => ({ topic: names.source, partition: i % PARTITIONS, value })));
    };
    await feed(FEED * 10);
    await whole(kafka);
    const runs = Promise.all([loop.run(), loop.run()]);
    let isFed = false;
    const feeding = (async () => {
      while (!isFed) {
        const eaten = loop.more(FEED / 10);
        await feed(FEED);
        await eaten;
      }
    })();
    const killing = (async () => {
      await loop.more(PACE);
      const node = await coordinatorOf(kafka, keyType === GROUP ? id : `${id}/0`, keyType);
      await cluster.kill(node);
      await loop.more(PACE);
      await cluster.start(node);
      await loop.more(PACE);
    })();
    await Promise.race([killing, runs, feeding]);
    isFed = true;
    await feeding;
    const found = await readAll(kafka, names.sink, values.length);
    loop.stop();
    await producer.sendMany(
      Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: names.source, partition, value: "" })),
    );
    await runs;
    assert.deepEqual(found.sort(), values.sort());
  } finally {
    loop.stop();
    await kafka.close();
  }
}

/** Resolves when every replica of every partition is in sync: then any one broker can be killed. */
async function whole(kafka: Kafka): Promise<void> {
  for (;;) {
    const connection = await kafka.cluster.any("general");
    const { topics } = await connection.send(metadata, { topics: null });
    const partitions = topics.flatMap((topic) => topic.partitions);
    if (partitions.every(({ isrNodes, replicaNodes }) => isrNodes.length === replicaNodes.length)) return;
    await sleep(systemClock, 500);
  }
}

/** All committed values, until as many have come as there should be, and a mark on each partition behind them. */
async function readAll(kafka: Kafka, topic: string, count: number): Promise<string[]> {
  const found: string[] = [];
  const decoder = new TextDecoder();
  let ends = 0;
  let isAsked = false;
  for await (const { records } of kafka.consumer({ groupId: `${topic}-reader`, topics: [topic] })) {
    for (const { value } of records) {
      if (decoder.decode(value!) === "end") ends += 1;
      else found.push(decoder.decode(value!));
    }
    if (ends === PARTITIONS) break;
    if (found.length < count || isAsked) continue;
    isAsked = true;
    const marks = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition, value: "end" }));
    await kafka.producer().sendMany(marks);
  }
  return found;
}
