import { randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { createApp } from "ottla";
import type { BenchCluster } from "./bench-cluster.ts";
import { percentiles } from "./percentiles.ts";

/** Between one enqueue and the next, in ms: a queue that is mostly empty. */
const PAUSE = 4;

/** Milliseconds from the call of `performLater` to the start of the job, with a worker that waits for it. */
export async function startLatency(cluster: BenchCluster, count: number): Promise<{ p50: number; p99: number }> {
  const app = createApp({ kafka: { brokers: cluster.brokers }, group: randomUUID() });
  const latencies: number[] = [];
  let wake = (): void => {};
  const job = app.job<{ key: string; sentAt: number }>({
    name: "latency",
    queue: await cluster.topic(12),
    partitioner: ({ payload }) => payload.key,
    perform({ sentAt }) {
      latencies.push(performance.now() - sentAt);
      wake();
    },
  });
  const started = (howMany: number): Promise<void> =>
    new Promise((resolve) => {
      wake = () => {
        if (latencies.length >= howMany) resolve();
      };
      wake();
    });
  const assigned = new Promise<void>((resolve) => void app.on("assigned", () => resolve()));
  await app.work();
  await assigned;
  const warmUp = Math.ceil(count / 10);
  for (let i = 0; i < warmUp + count; i++) {
    await job.performLater({ key: `key-${i % 100}`, sentAt: performance.now() });
    await sleep(PAUSE);
  }
  await started(warmUp + count);
  await app.close();
  return percentiles(latencies.slice(warmUp));
}
