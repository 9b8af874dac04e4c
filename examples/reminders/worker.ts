/** A worker process of the example. It says "ready" on its output, then what goes off, and works until its input ends. */
import process from "node:process";
import { app } from "./app.ts";
import "./remind.ts";

// Ctrl-C reaches every process of the terminal; the one that started this one decides.
process.on("SIGINT", () => {});

const worker = await app.work({ shutdownTimeout: "10s" }).catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
console.log("ready");

process.stdin.resume();
process.stdin.on("end", async () => {
  await worker.close();
  await app.close();
});
