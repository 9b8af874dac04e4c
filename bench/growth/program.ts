/** What a point of a measure runs in a process of its own: NAME, then its parameters as JSON. */
import process from "node:process";
import { createInterface } from "node:readline";
import type { Channel, Program } from "./programs/channel.ts";

/** Loaded one by one: a process has in it what it measures, and nothing else. */
const PROGRAMS: Readonly<Record<string, () => Promise<{ readonly run: Program<never> }>>> = {
  broker: () => import("./programs/broker.ts"),
  rates: () => import("./programs/rates.ts"),
  enqueue: () => import("./programs/enqueue.ts"),
  drain: () => import("./programs/drain.ts"),
  "own-rates": () => import("./programs/own-rates.ts"),
  member: () => import("./programs/member.ts"),
  trickle: () => import("./programs/trickle.ts"),
  "fill-schedule": () => import("./programs/fill-schedule.ts"),
  "load-schedule": () => import("./programs/load-schedule.ts"),
  "first-job": () => import("./programs/first-job.ts"),
};

const [name = "", params = "{}"] = process.argv.slice(2);
const load = PROGRAMS[name];
if (load === undefined) throw new Error(`there is no program "${name}": ${Object.keys(PROGRAMS).join(", ")}`);
const channel: Channel = {
  say: (what) => console.log(JSON.stringify(what)),
  onCommand: (listener) => {
    createInterface({ input: process.stdin })
      .on("line", listener)
      // Whoever started this is gone.
      .on("close", () => process.exit(1));
  },
};
await (await load()).run(JSON.parse(params) as never, channel);
