/**
 * A worker that notes what it does, each note on disk before it goes on: `worker.ts NAME SETTINGS`, with SETTINGS as
 * JSON. It works until its input ends.
 */
import { appendFileSync } from "node:fs";
import process from "node:process";
import { createApp } from "ottla";
import type { LedgerNote } from "../support/ledger.ts";
import type { KillRun, Task } from "./kill-run.ts";

/** Milliseconds: how often timers have their turn, and without any for how long the process was stopped. */
const TICK = 10;
const STOPPED = 1_000;

const [name, json] = process.argv.slice(2);
if (name === undefined || json === undefined) throw new Error("usage: worker.ts NAME SETTINGS");
const run: KillRun = JSON.parse(json);

const now = (): number => performance.timeOrigin + performance.now();
let lastNote = 0;
const note = (entry: LedgerNote, at = now()): void => {
  lastNote = at;
  appendFileSync(`${run.folder}/${name}.jsonl`, `${JSON.stringify({ ...entry, at })}\n`);
};

/** When a timer last had its turn. */
let turn = now();
const itsTurn = (): void => {
  turn = now();
};
setInterval(itsTurn, TICK).unref();
const sleep = async (ms: number): Promise<void> => {
  await new Promise<void>((resolve) => {
    setTimeout(() => {
      itsTurn();
      resolve();
    }, ms);
  });
};

/** A process may be stopped between its decision to start a job and the note of it: then it was before that. */
function startedAt(): number {
  const at = now();
  return at - turn > STOPPED ? Math.max(turn, lastNote) : at;
}

const app = createApp({
  kafka: { brokers: run.brokers, clientId: name },
  group: run.group,
  queues: { [run.queue]: run.queueOptions },
  scheduledMessagesTopics: run.schedule === undefined ? [] : [run.schedule],
  // Jobs fail here as they are told to: that is no news.
  logger: { debug() {}, info() {}, warn() {}, error() {} },
});
app.job<Task>({
  name: "work",
  queue: run.queue,
  partitioner: ({ payload }) => payload.key,
  async perform({ takes, does }, { topic, partition, offset }) {
    if (takes > 0) await sleep(takes);
    if (does === "kill") {
      process.kill(process.pid, "SIGKILL");
      await new Promise(() => {});
    }
    const ok = does !== "fail" || run.isFixed === true;
    note({ what: "end", by: name, topic, partition, offset, ok });
    if (!ok) throw new Error("as it was told to");
  },
});
// Not in perform: a process that is frozen on the way there would seem to start what it had started before.
app.on("started", ({ job: { topic, partition, offset, key = "", attempt } }) => {
  note({ what: "start", by: name, topic, partition, offset, key, attempt }, startedAt());
});
for (const what of ["assigned", "revoked", "lost"] as const) {
  app.on(what, ({ partitions }) => {
    for (const { topic, partition } of partitions) note({ what, by: name, topic, partition });
  });
}
app.on("error", () => {});

await app.work({
  groupProtocol: run.groupProtocol,
  sessionTimeout: run.sessionTimeout,
  commitInterval: run.commitInterval,
  ...run.graces,
});
process.stdin.resume();
process.stdin.on("end", () => {
  note({ what: "closing", by: name });
  void app.close();
});
