import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { BenchCluster } from "./bench-cluster.ts";
import type { Row } from "./table.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
/** What it should stay below. */
const LIMIT = 80;

/** Resident memory of `ottla worker` on Node, as it is built, once it has had its partitions for `idleMs`. */
export async function idleWorkerMemory(cluster: BenchCluster, idleMs: number): Promise<Row> {
  const name = "resident memory";
  if (!existsSync(`${root}dist/src/cli/main.js`)) {
    const built = spawnSync("npm", ["run", "build"], { cwd: root, stdio: "ignore" });
    if (built.status !== 0) return { name, value: undefined, note: "there is no build: npm run build" };
  }
  const queue = await cluster.topic(12);
  const environment = { ...process.env, NODE_OPTIONS: "", KAFKA_BROKERS: cluster.brokers.join(), QUEUE: queue };
  const child = spawn("node", ["dist/src/cli/main.js", "worker", "bench/idle-app.mjs"], {
    cwd: root,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk: Uint8Array) => {
    said += new TextDecoder().decode(chunk);
  });
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const [, idle, megabytes] = /^idle for (\d+) ms: (\d+\.\d) MB$/.exec(line) ?? [];
      if (Number(idle) >= idleMs) return { name, value: Number(megabytes), note: `should be below ${LIMIT}` };
    }
    return { name, value: undefined, note: `the worker ended: ${said.trim()}` };
  } finally {
    child.kill("SIGKILL");
  }
}
