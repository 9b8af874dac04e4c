import assert from "node:assert/strict";
import { test } from "node:test";
import { checkLedger } from "../support/check-ledger.ts";
import { FaultRun, GRACES } from "./fault-run.ts";
import { faultSite, IS_LONG, PROTOCOLS } from "./fault-site.ts";
import { figures, miscounted, rerunsAfterRelease } from "./run-checks.ts";

const JOBS = 60;
/** Where the jobs of each partition are that kill their process. */
const PLACES: readonly (readonly number[])[] = [[JOBS / 2], [0], [JOBS - 1], []];
/** Milliseconds: so long that jobs of every partition run whenever a process dies. */
const TAKES = 100;
const MAX_RETRIES = 1;
const WORKERS = 2;

for (const groupProtocol of PROTOCOLS) {
  const what = `S4.8 jobs that kill their process are counted, no others are, and end as dead letters (${groupProtocol})`;
  // Each death costs a session: the short form of this is in killer-jobs.test.ts, on a virtual clock.
  test(what, { skip: !IS_LONG && "OTTLA_FAULT_CLUSTER names no script", timeout: 900_000 }, async (t) => {
    const plan = { groupProtocol, partitions: PLACES.length, maxRetries: MAX_RETRIES };
    const run = new FaultRun(await faultSite(t), plan);
    run.crew.onDeath = () => void run.crew.hire();
    try {
      await run.start(WORKERS);
      for (let i = 0; i < JOBS; i++) {
        await run.enqueue(
          PLACES.map((killers, partition) => ({
            ...{ key: run.keyOf(partition), takes: TAKES },
            ...(killers.includes(i) ? { does: "kill" as const } : {}),
          })),
        );
      }
      await run.drained();
      run.crew.onDeath = () => {};
      await run.crew.dismissAll();
      const entries = await run.ledger();
      t.diagnostic(figures(entries));
      assert.deepEqual(checkLedger(entries, GRACES), []);
      assert.deepEqual(rerunsAfterRelease(entries), []);
      assert.deepEqual(miscounted(entries, run.poison), []);
      const letters = await run.letters();
      assert.deepEqual(
        letters.map(({ origin }) => `${origin!.partition}/${origin!.offset}`).sort(),
        [...run.poison].sort(),
      );
      for (const { error } of letters) assert.match(error!, /^ProcessDiedError/);
      const starts = entries.flatMap((entry) => {
        return entry.what === "start" && run.poison.has(`${entry.partition}/${entry.offset}`) ? [entry] : [];
      });
      const died = entries.flatMap((entry) => (entry.what === "died" ? [entry.by] : []));
      // Two may have been at work in one process.
      assert.deepEqual(new Set(starts.map(({ by }) => by)), new Set(died), "each kills, and nothing else does");
      for (const place of run.poison) {
        const own = starts.filter(({ partition, offset }) => `${partition}/${offset}` === place);
        const attempts = own.map(({ attempt }) => attempt);
        t.diagnostic(`${place}: ${attempts}`);
        assert.deepEqual(
          attempts.filter((attempt) => attempt > 1),
          Array.from({ length: MAX_RETRIES }, (_, i) => i + 2),
          "each death while it ran alone counts",
        );
        assert.ok(attempts.length <= MAX_RETRIES + 3, "one death is nobody's, and one is a suspect's");
      }
    } finally {
      run.crew.onDeath = () => {};
      await run.close();
    }
  });
}
