import { setTimeout as sleep } from "node:timers/promises";
import { deferred } from "../deferred.ts";
import { percentiles } from "../percentiles.ts";
import { countCost, type Outcome, rate } from "./cost-of.ts";
import type { KafkaPeer, PeerRecord } from "./kafka-client.ts";

export const KAFKA_SCENARIOS = ["produce100", "produce1k", "consume100", "consume1k", "single", "latency"] as const;
export type KafkaScenario = (typeof KAFKA_SCENARIOS)[number];

export interface KafkaSizes {
  readonly topic: string;
  readonly bytes: number;
  readonly records: number;
}

const BATCH = 1_000;
const BATCHES_IN_FLIGHT = 5;
const SINGLES_IN_FLIGHT = 100;
const KEYS = Array.from({ length: 10_000 }, (_, i) => `key-${i}`);
/** Four records every 10 ms. */
const FOUR_EVERY = 10;

type Scenario = (peer: KafkaPeer, sizes: KafkaSizes) => Promise<Outcome>;

export const runKafkaScenario: Readonly<Record<KafkaScenario, Scenario>> = {
  produce100: (peer, sizes) => produce(peer, sizes, BATCH, BATCHES_IN_FLIGHT),
  produce1k: (peer, sizes) => produce(peer, sizes, BATCH, BATCHES_IN_FLIGHT),
  single: (peer, sizes) => produce(peer, sizes, 1, SINGLES_IN_FLIGHT),
  consume100: consume,
  consume1k: consume,
  latency,
};

/** So many records a call, so many calls at a time. */
async function produce(peer: KafkaPeer, sizes: KafkaSizes, each: number, inFlight: number): Promise<Outcome> {
  const { topic, bytes, records } = sizes;
  const producer = await peer.producer(topic);
  const value = Buffer.alloc(bytes, "x");
  const record = (i: number): PeerRecord => ({ key: KEYS[i % KEYS.length]!, value });
  await producer.send([record(0)]);
  let next = 0;
  const line = async (): Promise<void> => {
    while (next < records) {
      const from = next;
      next += each;
      await producer.send(Array.from({ length: Math.min(each, records - from) }, (_, i) => record(from + i)));
    }
  };
  const cost = countCost();
  const began = performance.now();
  await Promise.all(Array.from({ length: inFlight }, line));
  const outcome = cost(records, { rate: rate(records, performance.now() - began) });
  await producer.close();
  return outcome;
}

/** What is there, from the first record that arrives to the last. */
async function consume(peer: KafkaPeer, { topic, records }: KafkaSizes): Promise<Outcome> {
  const done = deferred<number>();
  let [seen, began, bytes] = [0, 0, 0];
  const cost = countCost();
  const consumer = await peer.consumer(topic, "earliest", (value) => {
    if (seen === 0) began = performance.now();
    bytes += value.length;
    if (++seen === records) done.resolve(performance.now() - began);
  });
  const took = await done.promise;
  if (bytes === 0) throw new Error("the records were empty");
  const outcome = cost(records, { rate: rate(records, took) });
  await consumer.close();
  return outcome;
}

/** From the call that sends to the record in the consumer, both in one process. */
async function latency(peer: KafkaPeer, { topic, records }: KafkaSizes): Promise<Outcome> {
  const [listens, done] = [deferred<void>(), deferred<void>()];
  const latencies: number[] = [];
  const consumer = await peer.consumer(topic, "latest", (value) => {
    const sentAt = Number(Buffer.from(value).toString());
    if (sentAt === 0) return listens.resolve();
    latencies.push(performance.now() - sentAt);
    if (latencies.length === records) done.resolve();
  });
  const producer = await peer.producer(topic);
  const send = (i: number, at: number): Promise<unknown> =>
    producer.send([{ key: KEYS[i % 10]!, value: Buffer.from(`${at}`) }]);
  let isListening = false;
  void listens.promise.then(() => {
    isListening = true;
  });
  while (!isListening) {
    await send(0, 0);
    await sleep(200);
  }
  const cost = countCost();
  const sent: Promise<unknown>[] = [];
  for (let i = 0; i < records; i++) {
    sent.push(send(i, performance.now()));
    if (i % 4 === 3) await sleep(FOUR_EVERY);
  }
  await Promise.all(sent);
  await done.promise;
  const outcome = cost(records, percentiles(latencies));
  await Promise.all([producer.close(), consumer.close()]);
  return outcome;
}
