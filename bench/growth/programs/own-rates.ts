import { Kafka } from "ottla/kafka";
import type { BenchCluster } from "../../bench-cluster.ts";
import { enqueueRates, runRate } from "../../job-rates.ts";
import { namedBrokers } from "../../named-brokers.ts";
import { startLatency } from "../../start-latency.ts";
import type { Channel } from "./channel.ts";

export interface OwnRatesParams {
  readonly what: "bulk" | "singles" | "run" | "latency";
  readonly jobs: number;
  readonly queue: string;
}

/** What `npm run bench` measures of jobs, one of it, on whatever runtime runs this. */
export async function run({ what, jobs, queue }: OwnRatesParams, { say }: Channel): Promise<void> {
  const brokers = namedBrokers();
  const kafka = new Kafka({ brokers });
  const cluster: BenchCluster = {
    ...{ brokers, kafka, description: "" },
    // Whoever started this has made it, and deletes it.
    topic: async () => queue,
    close: () => kafka.close(),
  };
  if (what === "run") return say({ value: await runRate(cluster, jobs) });
  if (what === "latency") return say(await startLatency(cluster, jobs));
  const rates = await enqueueRates(cluster);
  await rates[what](Math.ceil(jobs / 10));
  say({ value: await rates[what](jobs) });
}
