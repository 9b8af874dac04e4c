import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { checkLedger } from "../support/check-ledger.ts";
import { now } from "./crew.ts";
import { FaultRun, GRACES } from "./fault-run.ts";
import { faultSite, IS_LONG, PROTOCOLS } from "./fault-site.ts";
import { startJobLoad } from "./job-load.ts";
import { figures, longestStall, miscounted, rerunsAfterRelease } from "./run-checks.ts";
import { HURTS } from "./worker-hurt.ts";

const PARTITIONS = 6;
const WORKERS = IS_LONG ? 4 : 3;
const MAX_RETRIES = 2;
const ROUNDS = Number(process.env.OTTLA_FAULT_ROUNDS ?? 2);
const SHORT: readonly string[] = ["roll", "kill beside a frozen one"];
const FAULTS: readonly string[] = IS_LONG ? Array.from({ length: ROUNDS }, () => Object.keys(HURTS)).flat() : SHORT;

for (const groupProtocol of PROTOCOLS) {
  const what = `S8.1-6 hold while workers are killed, frozen and rolled, and jobs are enqueued (${groupProtocol})`;
  test(what, { timeout: 60_000 + FAULTS.length * 60_000 }, async (t) => {
    const site = await faultSite(t);
    const run = new FaultRun(site, { groupProtocol, partitions: PARTITIONS, maxRetries: MAX_RETRIES });
    const times: { readonly fault: string; readonly from: number; readonly to: number }[] = [];
    try {
      await run.start(WORKERS);
      const load = startJobLoad(run, Math.random);
      await run.everythingGoesOn();
      for (const fault of FAULTS) {
        const from = now();
        await HURTS[fault]!(run);
        await run.everythingGoesOn();
        times.push({ fault, from, to: now() });
      }
      await load.stop();
      await run.drained();
      await run.crew.dismissAll();
      const entries = await run.ledger();
      for (const { fault, from, to } of times)
        t.diagnostic(`${fault}: ${Math.round(to - from)} ms, longest stall ${longestStall(entries, from, to)} ms`);
      t.diagnostic(figures(entries));
      assert.deepEqual(checkLedger(entries, GRACES), []);
      assert.deepEqual(rerunsAfterRelease(entries), []);
      assert.deepEqual(miscounted(entries, run.poison), []);
      const dead = entries.flatMap((entry) => (entry.what === "dead" ? [`${entry.partition}/${entry.offset}`] : []));
      assert.deepEqual(dead.sort(), [...run.poison].sort());
    } finally {
      await run.close();
    }
  });
}
