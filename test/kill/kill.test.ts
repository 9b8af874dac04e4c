import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { startBroker } from "ottla/broker";
import { checkLedger } from "../support/check-ledger.ts";
import { runKills } from "./kill-run.ts";

const KILLS = Number(process.env.OTTLA_KILLS ?? 2);
/** Milliseconds: the group needs a session timeout and a rebalance to get over each kill. */
const TIMEOUT = 120_000 + KILLS * 15_000;
const PLAN = { kills: KILLS, workers: 3, partitions: 6, jobsPerKill: 300, random: Math.random };

test("S8.1-5 hold when worker processes are killed at random moments", { timeout: TIMEOUT }, async (t) => {
  const given = process.env.KAFKA_BROKERS;
  let brokers = given?.split(",");
  if (brokers === undefined || given === "") {
    const broker = await startBroker({ port: 0, minSessionTimeout: 1_000 });
    t.after(() => broker.close());
    brokers = [broker.address];
  }
  const { entries, graces } = await runKills({ ...PLAN, brokers });
  const starts = entries.filter(({ what }) => what === "start").length;
  const jobs = entries.filter(({ what }) => what === "enqueued").length;
  t.diagnostic(`${KILLS} kills, ${jobs} jobs, ${starts - jobs} run again`);
  assert.deepEqual(checkLedger(entries, graces), []);
});
