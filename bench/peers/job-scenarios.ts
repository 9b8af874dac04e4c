import { setTimeout as sleep } from "node:timers/promises";
import { deferred } from "../deferred.ts";
import { percentiles } from "../percentiles.ts";
import { countCost, type Outcome, rate } from "./cost-of.ts";
import type { JobSystem, PeerPayload } from "./job-system.ts";

export const JOB_SCENARIOS = ["enqueue", "work", "latency"] as const;
export type JobScenario = (typeof JOB_SCENARIOS)[number];

export interface JobSizes {
  /** That are enqueued in bulks of a thousand, and worked off. */
  readonly jobs: number;
  /** That come one by one. */
  readonly timed: number;
}

const BULK = 1_000;
const TEXT = "x".repeat(64);
/** Two jobs every 10 ms. */
const PAIR_EVERY = 10;

type Scenario = (system: JobSystem, sizes: JobSizes) => Promise<Outcome>;

export const runJobScenario: Readonly<Record<JobScenario, Scenario>> = {
  async enqueue(system, { jobs }) {
    // Some connect as they are opened, others now.
    await system.single({ id: 0, text: TEXT });
    const cost = countCost();
    const began = performance.now();
    for (let from = 0; from < jobs; from += BULK) {
      const payloads = Array.from({ length: Math.min(BULK, jobs - from) }, (_, i): PeerPayload => {
        return { id: from + i, text: TEXT };
      });
      await system.bulk(payloads);
    }
    return cost(jobs, { rate: rate(jobs, performance.now() - began) });
  },

  /** What `enqueue` has left, from when the worker is told to begin to the end of the last job. */
  async work(system, { jobs }) {
    const done = deferred<number>();
    let seen = 0;
    const cost = countCost();
    const began = performance.now();
    const stop = await system.work(() => {
      // One came before those that were counted.
      if (++seen === jobs + 1) done.resolve(performance.now() - began);
    });
    const outcome = cost(jobs, { rate: rate(jobs, await done.promise) });
    await stop();
    return outcome;
  },

  /** From the call that enqueues to the start of the job, with a worker that waits for it in the same process. */
  async latency(system, { timed }) {
    const done = deferred<void>();
    const latencies: number[] = [];
    const warmUp = Math.ceil(timed / 10);
    let seen = 0;
    const stop = await system.work(({ sentAt }) => {
      if (seen++ >= warmUp) latencies.push(performance.now() - sentAt!);
      if (seen === warmUp + timed) done.resolve();
    });
    const cost = countCost();
    const sent: Promise<unknown>[] = [];
    for (let id = 0; id < warmUp + timed; id++) {
      sent.push(system.single({ id, text: TEXT, sentAt: performance.now() }));
      if (id % 2 === 1) await sleep(PAIR_EVERY);
    }
    await Promise.all(sent);
    await done.promise;
    const outcome = cost(warmUp + timed, percentiles(latencies));
    await stop();
    return outcome;
  },
};
