import { setTimeout as sleep } from "node:timers/promises";
import { createCrew } from "../group-crew.ts";
import type { GrowthBench } from "../growth-bench.ts";
import { type Measure, sizes } from "../measure.ts";
import type { EnqueueParams } from "../programs/enqueue.ts";
import { HASHED_A_MS, type HandlerOptions } from "../programs/handler.ts";

const PARTITIONS = 64;
/** Of each worker: all workers together could run one job of each partition. */
const CONCURRENCY = 8;
const WAITS: HandlerOptions = { does: "waits", ms: 10 };
const COMPUTES: HandlerOptions = { does: "computes", ms: 1 };
const HASHED_KB = (COMPUTES.ms * HASHED_A_MS) / 1_000;
const WARM_UP_MS = 1_000;

export const workers: Measure = {
  name: "workers",
  title: "Throughput against worker processes",
  axis: { title: "worker processes", kind: "log" },
  columns: [
    { key: "waits", title: `jobs that wait ${WAITS.ms} ms`, unit: "jobs/s" },
    { key: "ideal", title: "at most possible", unit: "jobs/s" },
    { key: "computes", title: `jobs that hash ${HASHED_KB} kB`, unit: "jobs/s" },
  ],
  panels: [
    { title: `jobs/s that wait ${WAITS.ms} ms`, keys: ["waits", "ideal"] },
    { title: `jobs/s that hash ${HASHED_KB} kB`, keys: ["computes"] },
  ],
  points: sizes([1, 2, 4, 8], [1]),
  async prepare(_bench, { x: count }) {
    const possible = atMost(WAITS) * count;
    return async (bench) => ({
      waits: await throughput(bench, count, WAITS),
      ideal: possible,
      computes: await throughput(bench, count, COMPUTES),
    });
  },
};

/** Jobs a second of one worker. */
function atMost({ does, ms }: HandlerOptions): number {
  return ((does === "waits" ? CONCURRENCY : 1) / ms) * 1_000;
}

/** Jobs a second of all workers while there is more than enough to do for each of them. */
async function throughput(bench: GrowthBench, count: number, handler: HandlerOptions): Promise<number> {
  const windowMs = bench.isQuick ? 500 : 4_000;
  const queue = await bench.topic(PARTITIONS);
  const crew = createCrew(bench, { ...handler, queue, concurrency: CONCURRENCY });
  await Promise.all(Array.from({ length: count }, () => crew.add()));
  await Promise.all(crew.hands.map((hand) => hand.ask("work")));
  for (const hand of crew.hands) hand.tell("pause");
  await crew.settled(crew.hands, PARTITIONS, Math.floor(PARTITIONS / count));
  const jobs = Math.ceil((count * atMost(handler) * (windowMs + 2 * WARM_UP_MS) * 1.5) / 1_000);
  // Even among partitions, so that none is empty before the others.
  const filling: EnqueueParams = { queue, jobs, bytes: 100, keys: 100_000 };
  await bench.run("enqueue", filling);
  for (const hand of crew.hands) hand.tell("resume");
  await sleep(WARM_UP_MS);
  const began = await Promise.all(crew.hands.map((hand) => hand.report()));
  await sleep(windowMs);
  const ended = await Promise.all(crew.hands.map((hand) => hand.report()));
  return ended.reduce((sum, { ran, at }, i) => sum + (ran / (at - began[i]!.at)) * 1_000, 0);
}
