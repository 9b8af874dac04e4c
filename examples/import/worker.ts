/**
 * A worker process of the example: `worker.ts LETTER RUN`, with RUN as JSON. It says "ready" on its output, and works
 * until SIGTERM, or until its input ends: so it also ends when the process that started it is gone, however that went.
 */
import process from "node:process";
import { openApp } from "./process-import.ts";
import type { Run } from "./run.ts";

const [letter, json] = process.argv.slice(2);
if (letter === undefined || json === undefined) throw new Error("usage: worker.ts LETTER RUN");
const run: Run = JSON.parse(json);

// Ctrl-C reaches every process of the terminal; the one that started this one decides.
process.on("SIGINT", () => {});

const { app } = openApp(run, letter);
const worker = await app
  .work({
    groupProtocol: "classic",
    sessionTimeout: run.sessionTimeout,
    checkpointInterval: run.checkpointInterval,
    commitInterval: 0, // what has ended is committed at once: of few long jobs none is to run again
    shutdownTimeout: "10s",
  })
  .catch((error: Error) => {
    console.error(error.message);
    process.exit(1);
  });

let isClosing = false;
async function close(): Promise<void> {
  if (isClosing) return;
  isClosing = true;
  await worker.close();
  await app.close();
  process.exit();
}
process.on("SIGTERM", close);
process.stdin.resume();
process.stdin.on("end", close);
console.log("ready");
