import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type TestContext, test } from "node:test";
import { Kafka } from "../../src/client/kafka.ts";
import { type FaultCluster, startFaultCluster } from "./fault-cluster.ts";
import type { LoadResult } from "./steady-load.ts";
import { until } from "./until.ts";
import { FEED_PARTITIONS, LOAD_PARTITIONS, Workload } from "./workload.ts";

/** Names a script that starts and hurts real clusters; see fault-cluster.ts. Without one there is nothing to test. */
const SCRIPT = process.env.OTTLA_FAULT_CLUSTER ?? "";
/** Which faults, for whoever looks for one thing. */
const FAULTS = (process.env.OTTLA_FAULTS ?? "kill,pause,restart").split(",");
/** Kafka 3 has the consumer protocol only in early access. */
const PROTOCOLS = process.env.KAFKA_VERSION?.startsWith("3.")
  ? (["classic"] as const)
  : (["classic", "consumer"] as const);
const BROKERS = 3;
/** Longer than every timeout of the client, and than a broker's session with its controller (ms). */
const LONG_PAUSE = 40_000;
/** A broker that hangs is fenced after 9 s; whatever the client does must not add much to that, on a slow machine. */
const LONGEST_SILENCE = 20_000;
const LONGEST_CLOSE = 10_000;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const HURT: Readonly<Record<string, (cluster: FaultCluster, broker: number) => Promise<void>>> = {
  kill: async (cluster, broker) => {
    await cluster.kill(broker);
    await sleep(3_000);
    await cluster.start(broker);
  },
  pause: async (cluster, broker) => {
    await cluster.pause(broker);
    await sleep(LONG_PAUSE);
    await cluster.resume(broker);
  },
  restart: async (cluster, broker) => {
    await cluster.stop(broker);
    await cluster.start(broker);
  },
};

/** Waits until every replica is in sync again, so that the next fault hits a whole cluster. */
function healed(kafka: Kafka): Promise<void> {
  return until(
    () => "every replica is in sync",
    120_000,
    async () => {
      const found = await kafka
        .admin()
        .describeTopics(["source", "feed", "sink"])
        .catch(() => []);
      return found.length === 3 && found.every((t) => t.replicas.every(({ inSync }) => inSync.length === BROKERS));
    },
  );
}

/** The values of what is committed in a topic, sorted. */
async function valuesOf(kafka: Kafka, topic: string, count: number): Promise<string[]> {
  const found: string[] = [];
  const assignment = Array.from({ length: FEED_PARTITIONS }, (_, partition) => ({ topic, partition }));
  const consumer = kafka.consumer({ assignment });
  const late = setTimeout(() => void consumer.close(), 60_000);
  for await (const { records } of consumer) {
    for (const { value } of records) found.push(new TextDecoder().decode(value!));
    if (found.length < count) continue;
    // What is too much would come now.
    await sleep(1_000);
    const lag = await consumer.lag();
    if (lag.every(({ lag }) => lag === 0)) break;
  }
  clearTimeout(late);
  return found.sort();
}

/** Every record of the feed was transformed once. Partitions count on their own: each number is there several times. */
async function checkTransformed(kafka: Kafka, feed: LoadResult): Promise<void> {
  const wanted = feed.flat().filter(({ offset }) => offset >= 0);
  const fed = await valuesOf(kafka, "feed", wanted.length);
  const made = await valuesOf(kafka, "sink", fed.length);
  assert.deepEqual(made, fed);
  assert.ok(fed.length >= wanted.length);
}

/** Hurts the brokers one after the other, tells how long what was silent, and gives what was so for too long. */
async function hurtAll(t: TestContext, cluster: FaultCluster, kafka: Kafka, work: Workload): Promise<string[]> {
  await work.begun();
  await healed(kafka);
  const tooLong: string[] = [];
  for (const fault of FAULTS) {
    for (let broker = 1; broker <= BROKERS; broker++) {
      work.measureAnew();
      await HURT[fault]!(cluster, broker);
      await healed(kafka);
      await work.everythingGoesOn();
      const silences = work.silences();
      t.diagnostic(`${fault} ${broker}: ${JSON.stringify(silences)}`);
      for (const [what, ms] of Object.entries(silences))
        if (ms > LONGEST_SILENCE) tooLong.push(`${fault} ${broker}: ${what} ${ms}`);
    }
  }
  return tooLong;
}

/** Ends everything, and looks at what has come of it. */
async function checkAll(t: TestContext, kafka: Kafka, work: Workload): Promise<void> {
  const result = await work.load.stop();
  await until(
    () => "everything is read",
    60_000,
    () => work.groups.every((group) => group.hasRead(result)),
  );
  await checkTransformed(kafka, await work.feed.stop());
  await work.stop();
  const { load, loop, adminFailures } = work;
  t.diagnostic(`${load.acknowledged} acknowledged, rejected: ${JSON.stringify([...load.rejected])}`);
  t.diagnostic(`${loop.transactions} transactions; admin: ${JSON.stringify([...adminFailures])}`);
  for (const group of work.groups) {
    group.check(result);
    const troubles = JSON.stringify([...group.troubles]);
    t.diagnostic(`${group.groupId}: ${group.repeated} records repeated, ${troubles}`);
  }
}

test("producers, groups and transactions go on while brokers are killed, paused and restarted", {
  skip: SCRIPT === "" && "OTTLA_FAULT_CLUSTER names no script",
  timeout: 1_500_000,
}, async (t) => {
  const cluster = await startFaultCluster(SCRIPT, BROKERS, mkdtempSync(join(tmpdir(), "ottla-faults-")));
  t.after(() => cluster.close());
  const setup = new Kafka({ brokers: cluster.brokers });
  t.after(() => setup.close());
  const replicationFactor = BROKERS;
  await setup.admin().createTopics([
    { name: "source", partitions: LOAD_PARTITIONS, replicationFactor },
    { name: "feed", partitions: FEED_PARTITIONS, replicationFactor },
    { name: "sink", partitions: FEED_PARTITIONS, replicationFactor },
  ]);
  const work = new Workload(cluster.brokers, PROTOCOLS);
  try {
    const tooLong = await Promise.race([hurtAll(t, cluster, setup, work), work.failure()]);
    await checkAll(t, setup, work);
    assert.deepEqual(tooLong, []);
  } finally {
    const took = await work.close();
    t.diagnostic(`closed within ${took} ms`);
    assert.ok(took < LONGEST_CLOSE);
  }
});
