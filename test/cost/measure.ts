import { randomUUID } from "node:crypto";
import { PerformanceObserver } from "node:perf_hooks";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { createApp } from "ottla";
import { openBenchCluster } from "../../bench/bench-cluster.ts";

/*
 * Prints as JSON how many bytes each thing that is done very often allocates, on Node: of objects, and of buffers beside them.
 * It needs --expose-gc, and young objects of 256 MB, so that nothing is collected while it counts.
 */
const COUNT = 5_000;
/** Until what is done often has been compiled. */
const WARM_UP = 4;
const ROUNDS = 5;
const PARTITIONS = 12;

export interface Cost {
  readonly heap: number;
  readonly buffers: number;
}

let collections = 0;
new PerformanceObserver((list) => {
  collections += list.getEntries().length;
}).observe({ entryTypes: ["gc"] });

function collect(): void {
  (globalThis as unknown as { gc(): void }).gc();
}

/** What `work` allocates for each of so many, where nothing is collected meanwhile; undefined: something was. */
async function once(count: number, work: () => Promise<unknown>): Promise<Cost | undefined> {
  collect();
  await sleep(20);
  const [before, began] = [process.memoryUsage(), collections];
  await work();
  const after = process.memoryUsage();
  await sleep(20);
  if (collections > began) return undefined;
  const each = (bytes: number): number => Math.round(bytes / count);
  return { heap: each(after.heapUsed - before.heapUsed), buffers: each(after.arrayBuffers - before.arrayBuffers) };
}

/** The median of several rounds, after some that do not count. `prepare` gives the work of a round. */
async function costOf(count: number, prepare: () => Promise<() => Promise<unknown>>): Promise<Cost> {
  const found: Cost[] = [];
  for (let round = 0; found.length < ROUNDS; round++) {
    if (round > 10 * ROUNDS) throw new Error("something is always collected: it needs --min-semi-space-size=256");
    const cost = await once(count, await prepare());
    if (cost !== undefined && round >= WARM_UP) found.push(cost);
  }
  return found.sort((a, b) => a.heap - b.heap)[ROUNDS >> 1]!;
}

const cluster = await openBenchCluster();
const { kafka } = cluster;

async function jobCosts(): Promise<Record<string, Cost>> {
  const app = createApp({ kafka: { brokers: cluster.brokers }, group: randomUUID() });
  let left = 0;
  let over = (): void => {};
  const queue = await cluster.topic(PARTITIONS);
  const job = app.job<{ readonly customer: string; readonly amount: number }>({
    name: "order",
    queue,
    partitioner: ({ payload }) => payload.customer,
    perform() {
      if (--left === 0) over();
    },
  });
  const order = (i: number) => ({ customer: `customer-${i % 1_000}`, amount: i });
  const orders = () => Array.from({ length: COUNT }, (_, i) => job.of(order(i)));
  const drain = async (): Promise<void> => {
    const worker = await app.work();
    await new Promise<void>((resolve) => {
      over = resolve;
    });
    await worker.close();
  };
  const bulk = await costOf(COUNT, async () => {
    const prepared = orders();
    left += COUNT;
    return () => app.performAllLater(prepared);
  });
  const singles = await costOf(COUNT, async () => () => {
    let next = 0;
    left += COUNT;
    const line = async (): Promise<void> => {
      while (next < COUNT) await job.performLater(order(next++));
    };
    return Promise.all(Array.from({ length: 100 }, line));
  });
  await drain();
  const run = await costOf(COUNT, async () => {
    await app.performAllLater(orders());
    left = COUNT;
    return drain;
  });
  await app.close();
  return { bulk, singles, run };
}

async function clientCosts(): Promise<Record<string, Cost>> {
  const producer = kafka.producer();
  const recordsFor = (name: string) =>
    Array.from({ length: COUNT }, (_, i) => ({ topic: name, key: `key-${i % 1_000}`, value: new Uint8Array(100) }));
  const records = recordsFor(await cluster.topic(PARTITIONS));
  const produce = await costOf(COUNT, async () => () => producer.sendMany(records));
  const name = await cluster.topic(PARTITIONS);
  await producer.sendMany(recordsFor(name));
  await producer.close();
  const consume = await costOf(COUNT, async () => async () => {
    const consumer = kafka.consumer({ groupId: randomUUID(), topics: [name] });
    let seen = 0;
    for await (const batch of consumer) {
      for (const record of batch.records) seen += record.value === null ? 0 : 1;
      if (seen >= COUNT) break;
    }
  });
  return { produce, consume };
}

const costs = { ...(await jobCosts()), ...(await clientCosts()) };
await cluster.close();
console.log(JSON.stringify(costs));
