import { randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { BenchCluster } from "./bench-cluster.ts";

const PARTITIONS = 3;
const BATCH = 1_000;
const IN_FLIGHT = 5;
const keys = Array.from({ length: 10_000 }, (_, i) => `key-${i}`);
/** Topics that were filled, by the size of their records. */
const filled = new Map<number, { readonly topic: string; readonly count: number }>();

/** Calls `work` for 0, `step`, 2 `step`, … below `total`, `parallel` calls at a time; gives the seconds it took. */
async function seconds(
  total: number,
  step: number,
  parallel: number,
  work: (from: number) => Promise<unknown>,
): Promise<number> {
  let next = 0;
  const line = async (): Promise<void> => {
    while (next < total) {
      const from = next;
      next += step;
      await work(from);
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: parallel }, line));
  return (performance.now() - began) / 1000;
}

/** Records a second that one producer writes, a thousand to a call. */
export async function produceRate(
  { kafka, topic: newTopic }: BenchCluster,
  bytes: number,
  count: number,
): Promise<number> {
  const topic = await newTopic(PARTITIONS);
  const value = new Uint8Array(bytes).fill(120);
  const producer = kafka.producer();
  await producer.send({ topic, value });
  const took = await seconds(count - 1, BATCH, IN_FLIGHT, (from) =>
    producer.sendMany(
      Array.from({ length: Math.min(BATCH, count - 1 - from) }, (_, i) => ({
        topic,
        key: keys[(from + i) % keys.length]!,
        value,
      })),
    ),
  );
  await producer.close();
  filled.set(bytes, { topic, count });
  return count / took;
}

/** Records a second that one consumer reads of what {@link produceRate} wrote last, from its first record on. */
export async function consumeRate({ kafka }: BenchCluster, bytes: number): Promise<number> {
  const { topic, count } = filled.get(bytes)!;
  const consumer = kafka.consumer({ groupId: randomUUID(), topics: [topic] });
  let began = 0;
  let seen = 0;
  let sum = 0;
  for await (const { records } of consumer) {
    if (seen === 0) began = performance.now();
    for (const record of records) sum += record.value?.length ?? 0;
    seen += records.length;
    if (seen >= count) break;
  }
  const took = (performance.now() - began) / 1000;
  if (sum !== count * bytes) throw new Error(`${sum} bytes were read, ${count * bytes} were written`);
  return count / took;
}

/** Records a second where each send is awaited, a hundred at a time. */
export async function singlesRate({ kafka, topic: newTopic }: BenchCluster, count: number): Promise<number> {
  const topic = await newTopic(PARTITIONS);
  const value = new Uint8Array(100);
  const producer = kafka.producer();
  await producer.send({ topic, value });
  const took = await seconds(count, 1, 100, (i) => producer.send({ topic, key: keys[i % keys.length]!, value }));
  await producer.close();
  return count / took;
}
