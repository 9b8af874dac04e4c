/**
 * A worker that notes what it does, each note on disk before it goes on: `worker.ts NAME SETTINGS`, with SETTINGS as
 * JSON. It works until its input ends.
 */
import { appendFileSync } from "node:fs";
import process from "node:process";
import { createApp, type Job, type RunningJob } from "ottla";
import { now } from "../../examples/flights/wall-clock.ts";
import { detouring } from "../support/detouring.ts";
import type { LedgerNote } from "../support/ledger.ts";
import { QUIET } from "../support/quiet-logger.ts";
import type { HandedOver, KillRun, Task } from "./kill-run.ts";

/** Milliseconds: how often timers have their turn, and without any for how long the process was stopped. */
const TICK = 10;
const STOPPED = 1_000;

const [name, json] = process.argv.slice(2);
if (name === undefined || json === undefined) throw new Error("usage: worker.ts NAME SETTINGS");
const run: KillRun = JSON.parse(json);

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
  kafka: {
    ...{ brokers: run.brokers, clientId: name },
    ...(run.detours === undefined ? {} : { transport: detouring(run.detours) }),
  },
  group: run.group,
  queues: { [run.queue]: run.queueOptions },
  scheduledMessagesTopics: run.schedule === undefined ? [] : [run.schedule],
  // Jobs fail here as they are told to: that is no news.
  logger: QUIET,
});
const next: Job<HandedOver> | undefined =
  run.next === undefined
    ? undefined
    : app.job<HandedOver>({
        ...{ name: "next", queue: run.next, perform() {} },
        partitioner: ({ payload }) => payload.key,
      });

/** Each row is noted before it is said to be done. */
async function overRows(job: RunningJob, { rows = 0, takes }: Task): Promise<void> {
  const { topic, partition, offset } = job;
  await job.step("rows", async (step) => {
    for (let row = step.cursor ?? 0; row < rows; row++) {
      await sleep(takes);
      note({ what: "row", by: name!, topic, partition, offset, row });
      await step.advance({ from: row });
    }
  });
}

async function work(task: Task, job: RunningJob): Promise<void> {
  const { takes, does, key, i = -1 } = task;
  const { partition, offset } = job;
  if (does === "steps") await overRows(job, task);
  else if (takes > 0) await sleep(takes);
  if (does === "kill") {
    process.kill(process.pid, "SIGKILL");
    await new Promise(() => {});
  }
  if (does === "hand")
    await job.transaction(async (tx) => void (await tx.performLater(next!.of({ key, i, partition, offset }))));
  if (does === "fail" && run.isFixed !== true) throw new Error("as it was told to");
}

app.job<Task>({
  name: "work",
  queue: run.queue,
  partitioner: ({ payload }) => payload.key,
  async perform(task, job) {
    const { topic, partition, offset } = job;
    let ok = false;
    try {
      await work(task, job);
      ok = true;
    } finally {
      // One that is interrupted, or cannot hand over any more, has ended, too.
      note({ what: "end", by: name, topic, partition, offset, ok });
    }
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
app.on("error", ({ error, topic, partition }) => {
  const isUncommitted =
    (error as Error).name === "CommitTimeoutError" && topic !== undefined && partition !== undefined;
  if (isUncommitted) note({ what: "uncommitted", by: name, topic, partition });
});

await app.work({
  queues: [run.queue],
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
