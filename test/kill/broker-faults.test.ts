import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { Kafka } from "../../src/client/kafka.ts";
import { storedRecords } from "../conformance/reading.ts";
import { type FaultCluster, startFaultCluster } from "./fault-cluster.ts";
import { type LoadResult, type SteadyLoad, startSteadyLoad } from "./steady-load.ts";

/** Names a script that starts and hurts real clusters; see fault-cluster.ts. Without one there is nothing to test. */
const SCRIPT = process.env.OTTLA_FAULT_CLUSTER ?? "";
const BROKERS = 3;
const PARTITIONS = 6;
const REQUEST_TIMEOUT = 2_000;
const DELIVERY_TIMEOUT = 20_000;
/** Longer than every timeout of the client, and than a broker's session with its controller (ms). */
const LONG_PAUSE = 25_000;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until every replica is in sync again, so that the next fault hits a whole cluster. */
async function healed(kafka: Kafka, topic: string): Promise<void> {
  const end = performance.now() + 90_000;
  const admin = kafka.admin();
  for (;;) {
    const [found] = await admin.describeTopics([topic]).catch(() => []);
    if (found?.replicas.every(({ inSync }) => inSync.length === BROKERS)) return;
    if (performance.now() > end) throw new Error("replicas did not come back into sync within 90 s");
    await sleep(200);
  }
}

/** Waits until records are acknowledged again. */
async function acknowledges(load: SteadyLoad): Promise<void> {
  const before = load.acknowledged;
  const end = performance.now() + 60_000;
  while (load.acknowledged < before + PARTITIONS * 50) {
    if (performance.now() > end) throw new Error("nothing was acknowledged for 60 s");
    await sleep(100);
  }
}

/** Kills, pauses and restarts the brokers one after the other. */
async function hurt(cluster: FaultCluster, kafka: Kafka, topic: string, load: SteadyLoad): Promise<void> {
  for (let broker = 1; broker <= BROKERS; broker++) {
    await cluster.kill(broker);
    await sleep(3_000);
    await cluster.start(broker);
    await acknowledges(load);
    await healed(kafka, topic);
    await cluster.pause(broker);
    await sleep(LONG_PAUSE);
    await cluster.resume(broker);
    await acknowledges(load);
    await healed(kafka, topic);
  }
}

/** Nothing acknowledged is lost, nothing is doubled, and the order of the calls is the order in the log. */
async function check(kafka: Kafka, topic: string, result: LoadResult): Promise<void> {
  for (const [partition, sent] of result.entries()) {
    const stored = await storedRecords(kafka, topic, partition);
    const numbers = stored.map(({ value }) => Number(new TextDecoder().decode(value!)));
    for (let i = 1; i < numbers.length; i++) {
      const place = `partition ${partition}: ${numbers[i]} at offset ${stored[i]!.offset} after ${numbers[i - 1]}`;
      assert.ok(numbers[i]! > numbers[i - 1]!, place);
    }
    const at = new Map(stored.map(({ offset }, i) => [offset, numbers[i]!]));
    const known = new Set(numbers);
    for (const { number, offset } of sent) {
      if (offset >= 0) assert.equal(at.get(offset), number, `partition ${partition}: ${number} is not at ${offset}`);
    }
    assert.equal(known.size, numbers.length);
  }
}

test("nothing acknowledged is lost, doubled or out of order while brokers are killed, paused and restarted", {
  skip: SCRIPT === "" && "OTTLA_FAULT_CLUSTER names no script",
  timeout: 900_000,
}, async (t) => {
  const cluster = await startFaultCluster(SCRIPT, BROKERS, mkdtempSync(join(tmpdir(), "ottla-faults-")));
  t.after(() => cluster.close());
  const kafka = new Kafka({
    brokers: cluster.brokers,
    requestTimeout: REQUEST_TIMEOUT,
    connectTimeout: REQUEST_TIMEOUT,
  });
  t.after(() => kafka.close());
  const topic = "faults";
  await kafka.admin().createTopics([{ name: topic, partitions: PARTITIONS, replicationFactor: BROKERS }]);
  const load = startSteadyLoad(kafka.producer({ deliveryTimeout: DELIVERY_TIMEOUT }), topic, PARTITIONS);
  let longestSilence = 0;
  try {
    await acknowledges(load);
    await hurt(cluster, kafka, topic, load);
  } finally {
    longestSilence = load.silence.longest;
    const result = await load.stop();
    const rejected = [...load.rejected].map(([code, count]) => `${count} ${code}`).join(", ") || "none";
    t.diagnostic(`${load.acknowledged} acknowledged, rejected: ${rejected}, longest silence ${longestSilence} ms`);
    await check(kafka, topic, result);
  }
});
