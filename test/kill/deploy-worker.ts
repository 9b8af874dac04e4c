/**
 * A worker that imports in steps, and notes what it does: `deploy-worker.ts NAME SETTINGS`, with SETTINGS as JSON. It
 * works until its input ends.
 */
import { appendFileSync } from "node:fs";
import process from "node:process";
import { createApp } from "ottla";
import { now } from "../../examples/flights/wall-clock.ts";
import { type DeployNote, type DeployRun, defineImports } from "./deploy-run.ts";

const [name, json] = process.argv.slice(2);
if (name === undefined || json === undefined) throw new Error("usage: deploy-worker.ts NAME SETTINGS");
const run: DeployRun = JSON.parse(json);

const note = (entry: DeployNote): void => {
  appendFileSync(`${run.folder}/${name}.jsonl`, `${JSON.stringify({ ...entry, by: name, at: now() })}\n`);
};

const app = createApp({
  kafka: { brokers: run.brokers, clientId: name },
  group: run.group,
  queues: { [run.queue]: { partitions: run.partitions } },
  scheduledMessagesTopics: [run.schedule],
  logger: { debug() {}, info() {}, warn() {}, error() {} },
});
defineImports(app, run, note);
app.on("interrupted", () => note({ what: "interrupted" }));
await app.work({ sessionTimeout: "6s", groupProtocol: "classic" });
process.stdin.resume();
process.stdin.on("end", () => void app.close());
