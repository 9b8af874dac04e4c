import assert from "node:assert/strict";
import process from "node:process";
import { type TestContext, test } from "node:test";
import { now } from "../../examples/flights/wall-clock.ts";
import type { GroupProtocol } from "../../src/client/membership.ts";
import { checkLedger } from "../support/check-ledger.ts";
import { FaultRun, GRACES } from "./fault-run.ts";
import { faultSite, IS_LONG, PROTOCOLS } from "./fault-site.ts";
import { startJobLoad } from "./job-load.ts";
import { figures, longestStall, miscounted, rerunsAfterRelease } from "./run-checks.ts";
import { HURTS } from "./worker-hurt.ts";

const WORKERS = IS_LONG ? 4 : 3;
/** Some for each worker, while there are twice as many. */
const PARTITIONS = 3 * WORKERS;
const MAX_RETRIES = 2;
const ROUNDS = Number(process.env.OTTLA_FAULT_ROUNDS ?? 2);
const LONG: readonly string[] = Array.from({ length: ROUNDS }, () => Object.keys(HURTS)).flat();
const SHORT = { classic: ["kill beside a frozen one"], consumer: ["kill amid a roll"] } as const;

for (const protocols of IS_LONG ? PROTOCOLS.map((protocol) => [protocol]) : [PROTOCOLS]) {
  const what = `S8.1-6 hold while workers are killed, frozen and rolled, and jobs are enqueued (${protocols})`;
  test(what, { timeout: 60_000 + ROUNDS * 600_000 }, async (t) => {
    await Promise.all(protocols.map((protocol) => hurtAll(t, protocol)));
  });
}

interface Passage {
  readonly fault: string;
  readonly from: number;
  readonly to: number;
}

async function hurtAll(t: TestContext, groupProtocol: GroupProtocol): Promise<void> {
  const run = new FaultRun(await faultSite(t), { groupProtocol, partitions: PARTITIONS, maxRetries: MAX_RETRIES });
  try {
    await run.start(WORKERS);
    const load = startJobLoad(run, Math.random);
    await run.everythingGoesOn();
    const passages: Passage[] = [];
    for (const fault of IS_LONG ? LONG : SHORT[groupProtocol]) {
      const from = now();
      await HURTS[fault]!(run);
      await run.everythingGoesOn();
      passages.push({ fault, from, to: now() });
    }
    await load.stop();
    await run.drained();
    await run.crew.dismissAll();
    await check(t, run, passages);
  } finally {
    await run.close();
  }
}

async function check(t: TestContext, run: FaultRun, passages: readonly Passage[]): Promise<void> {
  const entries = await run.ledger();
  for (const { fault, from, to } of passages)
    t.diagnostic(`${fault}: ${Math.round(to - from)} ms, longest stall ${longestStall(entries, from, to)} ms`);
  t.diagnostic(figures(entries));
  assert.deepEqual(checkLedger(entries, GRACES), []);
  assert.deepEqual(rerunsAfterRelease(entries), []);
  assert.deepEqual(miscounted(entries, run.poison), []);
  const dead = entries.flatMap((entry) => (entry.what === "dead" ? [`${entry.partition}/${entry.offset}`] : []));
  assert.deepEqual(dead.sort(), [...run.poison].sort());
}
