import { availableParallelism } from "node:os";
import process from "node:process";
import { openBenchCluster } from "./bench-cluster.ts";
import { consumeRate, produceRate, singlesRate } from "./client-rates.ts";
import { enqueueRates, runRate } from "./job-rates.ts";
import { startLatency } from "./start-latency.ts";
import { printTable, type Row } from "./table.ts";
import { idleWorkerMemory } from "./worker-memory.ts";

const quick = process.argv.includes("--quick");
const rounds = quick ? 1 : 3;
/** What a round is made of; `--quick` only shows that everything runs. */
const size = (full: number): number => (quick ? Math.ceil(full / 20) : full);

/** The middle of several rounds, with the least and the most. */
async function rate(name: string, measure: () => Promise<number>): Promise<Row> {
  const found: number[] = [];
  for (let round = 0; round < rounds; round++) found.push(await measure());
  found.sort((a, b) => a - b);
  const middle = found[found.length >> 1]!;
  return {
    name,
    value: Math.round(middle),
    note: rounds > 1 ? `${Math.round(found[0]!)} to ${Math.round(found.at(-1)!)}` : "",
  };
}

function runtime(): string {
  const { bun, deno, node } = process.versions as Record<string, string | undefined>;
  return bun !== undefined ? `Bun ${bun}` : deno !== undefined ? `Deno ${deno}` : `Node ${node}`;
}

const cluster = await openBenchCluster();
console.log(`${runtime()}, ${availableParallelism()} processors, ${cluster.description}\n`);
try {
  const clientRows: Row[] = [];
  for (const [bytes, count] of [
    [100, 400_000],
    [1024, 120_000],
  ] as const) {
    clientRows.push(await rate(`produce ${bytes} B`, () => produceRate(cluster, bytes, size(count))));
    clientRows.push(await rate(`consume ${bytes} B`, () => consumeRate(cluster, bytes)));
  }
  clientRows.push(await rate("awaited sends, 100 at a time", () => singlesRate(cluster, size(40_000))));
  printTable("client", "records/s", clientRows);

  const jobRows: Row[] = [];
  const enqueued = await enqueueRates(cluster);
  jobRows.push(await rate("enqueue in bulk", () => enqueued.bulk(size(60_000))));
  jobRows.push(await rate("awaited enqueues, 100 at a time", () => enqueued.singles(size(30_000))));
  await enqueued.close();
  jobRows.push(await rate("run, 1,000 keys, 12 partitions", () => runRate(cluster, size(60_000))));
  printTable("jobs", "jobs/s", jobRows);

  const { p50, p99 } = await startLatency(cluster, size(2_000));
  printTable("from enqueue to start", "ms", [
    { name: "p50", value: p50, note: "" },
    { name: "p99", value: p99, note: "" },
  ]);

  printTable("an idle worker, built, on Node", "MB", [await idleWorkerMemory(cluster, quick ? 1_000 : 5_000)]);
} finally {
  await cluster.close();
}
