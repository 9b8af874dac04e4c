import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runProgram } from "../support/run-program.ts";
import { RUNTIME, RUNTIME_ARGUMENTS } from "../support/runtime-arguments.ts";
import { startWorkerBench, type WorkerBench } from "../support/worker-bench.ts";
import { BYTES, REQUESTS } from "./limits.ts";
import type { Cost } from "./measure.ts";

/** Nothing is collected before as much has been allocated. */
const FLAGS = ["--expose-gc", "--min-semi-space-size=256", "--max-semi-space-size=256"];
const JOBS = 1_000;

test("what is done very often allocates no more than it may", { skip: RUNTIME !== "node" }, async () => {
  const script = fileURLToPath(new URL("measure.ts", import.meta.url));
  const { output, code } = await runProgram(process.execPath, [...FLAGS, ...RUNTIME_ARGUMENTS, script], {
    env: { ...process.env, KAFKA_BROKERS: "" },
  });
  assert.equal(code, 0, output);
  const costs = JSON.parse(output) as Record<string, Cost>;
  assert.deepEqual(Object.keys(costs).sort(), Object.keys(BYTES).sort());
  for (const [what, { heap, buffers }] of Object.entries(costs)) {
    const most = BYTES[what]!;
    assert.ok(
      heap <= most.heap && buffers <= most.buffers,
      `${what}: ${heap} and ${buffers} bytes of ${JSON.stringify(most)}`,
    );
  }
});

/** Counts the requests of a process while `work` is done. */
async function requestsOf(
  bench: WorkerBench,
  by: string,
  work: () => Promise<unknown>,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const stop = bench.broker.observe(({ api, clientId }) => {
    if (clientId === by) counts[api] = (counts[api] ?? 0) + 1;
  });
  await work();
  stop();
  return counts;
}

test("a thousand jobs take as many requests as they did", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 12 } });
  const process = bench.process("w");
  const job = process.app.job<number>({
    name: "work",
    queue: "q",
    partitioner: ({ payload }) => payload % 100,
    perform: () => {},
  });
  await bench.run(job.performLater(0));
  const found: Record<string, Record<string, number>> = {};
  const numbers = Array.from({ length: JOBS }, (_, i) => i);
  found.bulk = await requestsOf(bench, "w", () =>
    bench.run(process.app.performAllLater(numbers.map((i) => job.of(i)))),
  );
  found.singles = await requestsOf(bench, "w", async () => {
    let next = 0;
    const line = async (): Promise<void> => {
      while (next < JOBS) await job.performLater(next++);
    };
    await bench.run(Promise.all(Array.from({ length: 100 }, line)));
  });
  found.run = await requestsOf(bench, "w", async () => {
    await process.work();
    await bench.until(() => bench.lag("q").every((lag) => lag === 0));
  });
  assert.deepEqual(found, REQUESTS);
});
