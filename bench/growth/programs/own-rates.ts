import { openBenchCluster } from "../../bench-cluster.ts";
import { enqueueRates, runRate } from "../../job-rates.ts";
import { startLatency } from "../../start-latency.ts";
import type { Channel } from "./channel.ts";

export interface OwnRatesParams {
  readonly what: "bulk" | "singles" | "run" | "latency";
  readonly jobs: number;
}

/** What `npm run bench` measures of jobs, one of it, on whatever runtime runs this. */
export async function run({ what, jobs }: OwnRatesParams, { say }: Channel): Promise<void> {
  const cluster = await openBenchCluster();
  try {
    say(await measured());
  } finally {
    await cluster.close();
  }

  async function measured(): Promise<object> {
    if (what === "run") return { value: await runRate(cluster, jobs) };
    if (what === "latency") return await startLatency(cluster, jobs);
    const rates = await enqueueRates(cluster);
    await rates[what](Math.ceil(jobs / 10));
    const value = await rates[what](jobs);
    await rates.close();
    return { value };
  }
}
