import { randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import { type App, createApp, type Job } from "ottla";
import type { BenchCluster } from "./bench-cluster.ts";

const PARTITIONS = 12;
const KEYS = 1_000;

interface Order {
  readonly customer: string;
  readonly amount: number;
}

function orders(app: App, queue: string, perform: () => void): Job<Order> {
  return app.job<Order>({ name: "order", queue, partitioner: ({ payload }) => payload.customer, perform });
}

function order(i: number): Order {
  return { customer: `customer-${i % KEYS}`, amount: i };
}

export interface EnqueueRates {
  /** Jobs a second in one `performAllLater`. */
  bulk(count: number): Promise<number>;
  /** Jobs a second where each `performLater` is awaited, a hundred at a time. */
  singles(count: number): Promise<number>;
  close(): Promise<void>;
}

export async function enqueueRates(cluster: BenchCluster): Promise<EnqueueRates> {
  const app = createApp({ kafka: { brokers: cluster.brokers } });
  const job = orders(app, await cluster.topic(PARTITIONS), () => {});
  await job.performLater(order(0));
  return {
    async bulk(count) {
      const began = performance.now();
      await app.performAllLater(Array.from({ length: count }, (_, i) => job.of(order(i))));
      return (count / (performance.now() - began)) * 1000;
    },
    async singles(count) {
      let next = 0;
      const line = async (): Promise<void> => {
        while (next < count) await job.performLater(order(next++));
      };
      const began = performance.now();
      await Promise.all(Array.from({ length: 100 }, line));
      return (count / (performance.now() - began)) * 1000;
    },
    close: () => app.close(),
  };
}

/** Jobs a second that one worker runs, from the first start to the last, when they do nothing. */
export async function runRate(cluster: BenchCluster, count: number): Promise<number> {
  const app = createApp({ kafka: { brokers: cluster.brokers }, group: randomUUID() });
  let began = 0;
  let ran = 0;
  let finish = (_at: number): void => {};
  const finished = new Promise<number>((resolve) => {
    finish = resolve;
  });
  const job = orders(app, await cluster.topic(PARTITIONS), () => {
    if (ran === 0) began = performance.now();
    if (++ran === count) finish(performance.now());
  });
  await app.performAllLater(Array.from({ length: count }, (_, i) => job.of(order(i))));
  await app.work();
  const took = (await finished) - began;
  await app.close();
  return (count / took) * 1000;
}
