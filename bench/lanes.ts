/**
 * What lanes gain and what they cost, as ratios of runs that take turns: `node --conditions=ottla-source bench/lanes.ts [--quick]`.
 * One partition; the brokers that KAFKA_BROKERS names, else the in-process broker in a thread of its own.
 */
import { randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import process from "node:process";
import { createApp } from "ottla";
import { type BenchCluster, openBenchCluster } from "./bench-cluster.ts";
import { printTable, type Row } from "./table.ts";

const quick = process.argv.includes("--quick");
const PAIRS = quick ? 1 : 5;
const LANES = 50;
/** As many keys as jobs: each lane gets an equal share. */
const SLOW_JOBS = quick ? 200 : 1_000;
const HANDLER_MS = 10;
const EMPTY_JOBS = quick ? 5_000 : 60_000;
const EMPTY_KEYS = 1_000;

interface Run {
  readonly lanes: number | undefined;
  readonly jobs: number;
  readonly keys: number;
  readonly perform: () => unknown;
}

/** Milliseconds from the first start to the last end. */
async function timeOf(cluster: BenchCluster, { lanes, jobs, keys, perform }: Run): Promise<number> {
  const queue = await cluster.topic(1);
  const app = createApp({
    kafka: { brokers: cluster.brokers },
    group: randomUUID(),
    queues: { [queue]: lanes === undefined ? {} : { virtualPartitions: { max: lanes } } },
  });
  let [began, ran] = [0, 0];
  let finish = (_took: number): void => {};
  const finished = new Promise<number>((resolve) => {
    finish = resolve;
  });
  const job = app.job<number>({
    name: "work",
    queue,
    partitioner: ({ payload }) => payload % keys,
    async perform() {
      if (began === 0) began = performance.now();
      const work = perform();
      if (work !== undefined) await work;
      if (++ran === jobs) finish(performance.now() - began);
    },
  });
  await app.performAllLater(Array.from({ length: jobs }, (_, i) => job.of(i)));
  await app.work();
  const took = await finished;
  await app.close();
  return took;
}

/** How often as fast the queue is with lanes. */
async function compare(
  name: string,
  wanted: string,
  run: (lanes: number | undefined) => Promise<number>,
): Promise<Row> {
  const ratios: number[] = [];
  for (let pair = 0; pair < PAIRS; pair++) {
    const [without, withLanes] = [await run(undefined), await run(LANES)];
    ratios.push(without / withLanes);
  }
  ratios.sort((a, b) => a - b);
  const [least, middle, most] = [ratios[0]!, ratios[ratios.length >> 1]!, ratios.at(-1)!];
  return { name, value: middle, note: `${least.toFixed(2)} to ${most.toFixed(2)}; ${wanted}` };
}

const cluster = await openBenchCluster();
try {
  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, HANDLER_MS));
  printTable(`${LANES} lanes against none`, "times as fast", [
    await compare(`${SLOW_JOBS} jobs of ${HANDLER_MS} ms`, "at least 35 is wanted", (lanes) =>
      timeOf(cluster, { lanes, jobs: SLOW_JOBS, keys: SLOW_JOBS, perform: pause }),
    ),
    await compare(`${EMPTY_JOBS} jobs that do nothing`, "at least 0.9 is wanted", (lanes) =>
      timeOf(cluster, { lanes, jobs: EMPTY_JOBS, keys: EMPTY_KEYS, perform: () => undefined }),
    ),
  ]);
} finally {
  await cluster.close();
}
