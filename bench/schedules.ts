/**
 * What waiting costs: `node --conditions=ottla-source bench/schedules.ts [--quick]`. The brokers that KAFKA_BROKERS names,
 * else the in-process broker in a thread of its own.
 */
import { randomUUID } from "node:crypto";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import process from "node:process";
import { type BenchCluster, openBenchCluster } from "./bench-cluster.ts";
import { createGrowthBench } from "./growth/growth-bench.ts";
import { sourceCommand } from "./growth/runtime-command.ts";
import { filledSchedule, scheduleMemory } from "./growth/schedule-memory.ts";
import { percentiles } from "./percentiles.ts";
import { order, type ScheduleApp, type SchedulePlace, scheduleApp } from "./schedule-app.ts";
import { printTable, type Row } from "./table.ts";

const quick = process.argv.includes("--quick");
const size = (full: number): number => (quick ? Math.ceil(full / 20) : full);
const PAIRS = quick ? 1 : 5;
/** Milliseconds in which all of it is scheduled: what is due by then would never wait. */
const AHEAD = quick ? 5_000 : 45_000;

const open = ({ brokers }: BenchCluster, place: SchedulePlace): ScheduleApp =>
  scheduleApp(place, randomUUID(), brokers);

/** Scheduling in bulk, against enqueueing in bulk, in turns. */
async function scheduling(cluster: BenchCluster): Promise<Row> {
  const { app, job } = open(cluster, await filledSchedule(bench, 0));
  const count = size(60_000);
  const bulk = async (wait: number | undefined): Promise<number> => {
    const jobs = Array.from({ length: count }, (_, i) =>
      wait === undefined ? job.of(order(i)) : job.set({ wait }).of(order(i)),
    );
    const began = performance.now();
    await app.performAllLater(jobs);
    return performance.now() - began;
  };
  await bulk(undefined);
  await bulk(3_600_000);
  const ratios: number[] = [];
  for (let pair = 0; pair < PAIRS; pair++) {
    const [plain, scheduled] = [await bulk(undefined), await bulk(3_600_000)];
    ratios.push(plain / scheduled);
  }
  await app.close();
  ratios.sort((a, b) => a - b);
  const note = `${ratios[0]!.toFixed(2)} to ${ratios.at(-1)!.toFixed(2)}; at least 0.4 is wanted`;
  return { name: "scheduling, of the rate of enqueueing", value: ratios[ratios.length >> 1]!, note };
}

/** Entries a second that one worker dispatches which were all due when it began, in an order that is not the log's. */
async function dispatching(cluster: BenchCluster, shuffled: boolean): Promise<Row> {
  const { app, job } = open(cluster, await filledSchedule(bench, 0));
  const count = size(100_000);
  const due = Date.now() + AHEAD;
  await app.performAllLater(
    Array.from({ length: count }, (_, i) => {
      const at = shuffled ? (i * 7_919) % 4_000 : Math.floor(i / 50);
      return job.set({ waitUntil: due + at }).of(order(i));
    }),
  );
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, due + 5_000 - Date.now())));
  let [first, last, sent] = [0, 0, 0];
  const done = new Promise<void>((resolve) => {
    app.on("dispatched", () => {
      last = performance.now();
      if (sent === 0) first = last;
      if (++sent === count) resolve();
    });
  });
  await app.work({ queues: [] });
  await done;
  await app.close();
  const name = `dispatching what is overdue, ${shuffled ? "times at random" : "times in order"}`;
  return { name, value: (count / (last - first)) * 1_000, note: "at least 5,000 is wanted" };
}

/** How late things leave that fall due at 1,000 a second, and how long the event loop was held up meanwhile. */
async function lateness(cluster: BenchCluster): Promise<Row[]> {
  const { app, job } = open(cluster, await filledSchedule(bench, 0));
  const count = size(20_000);
  const begins = Date.now() + AHEAD;
  const late: number[] = [];
  const done = new Promise<void>((resolve) => {
    app.on("dispatched", ({ dueAt }) => {
      late.push(Date.now() - dueAt.getTime());
      if (late.length === count) resolve();
    });
  });
  const loaded = new Promise<void>((resolve) => void app.on("scheduleLoaded", () => resolve()));
  await app.work({ queues: [] });
  await loaded;
  await app.performAllLater(Array.from({ length: count }, (_, i) => job.set({ waitUntil: begins + i }).of(order(i))));
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  await done;
  delay.disable();
  await app.close();
  const { p50, p99 } = percentiles(late);
  const held = delay.percentile(99) / 1e6;
  return [
    { name: "lateness, p50", value: p50, note: "" },
    { name: "lateness, p99", value: p99, note: `at most 100 beyond ${held.toFixed(0)}, the event loop's own p99` },
  ];
}

/** Bytes of a process of its own, with what it has loaded, above those of one that has nothing. */
async function memory(): Promise<Row[]> {
  const [count, recurringCount] = [size(1_000_000), size(10_000)];
  const [empty, full] = [await filledSchedule(bench, 0), await filledSchedule(bench, count)];
  const idle = await scheduleMemory(bench, empty, 0);
  const loaded = await scheduleMemory(bench, full, count);
  const recurring = await scheduleMemory(bench, empty, 0, recurringCount);
  return [
    {
      name: `${count.toLocaleString("en-US")} entries, above an idle worker`,
      value: loaded.resident - idle.resident,
      note: `at most 100 are wanted; at its peak ${(loaded.peak - idle.resident).toFixed(0)}; read in ${(loaded.duration / 1_000).toFixed(1)} s`,
    },
    {
      name: `${recurringCount.toLocaleString("en-US")} recurring jobs, above an idle worker`,
      value: recurring.resident - idle.resident,
      note: "at most 50 are wanted",
    },
  ];
}

const cluster = await openBenchCluster();
const { kafka, brokers } = cluster;
const bench = createGrowthBench({ kafka, brokers, isQuick: quick, runtimes: [], own: sourceCommand() });
console.log(`${cluster.description}\n`);
try {
  printTable("schedules", "times as fast", [await scheduling(cluster)]);
  printTable("schedules", "entries/s", [await dispatching(cluster, false), await dispatching(cluster, true)]);
  printTable("schedules, 1,000 due a second", "ms", await lateness(cluster));
  printTable("schedules, memory", "MB", await memory());
} finally {
  await bench.close();
  await cluster.close();
}
