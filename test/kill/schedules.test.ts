import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type TestContext, test } from "node:test";
import { startBroker } from "ottla/broker";
import { type FaultCluster, startFaultCluster } from "./fault-cluster.ts";
import { ScheduleRun } from "./schedule-run.ts";

/** Names a script that starts real clusters; see fault-cluster.ts. */
const SCRIPT = process.env.OTTLA_FAULT_CLUSTER ?? "";
const IS_LONG = SCRIPT !== "";
const BROKERS = 3;
const KILLS = Number(process.env.OTTLA_KILLS ?? (IS_LONG ? 12 : 2));
const WORKERS = 3;
const PARTITIONS = 6;
const EACH_ROUND = IS_LONG ? 1_500 : 400;
const TIMEOUT = 240_000 + KILLS * 60_000;

test("S7.3-5 S8.5-7 hold when schedulers are killed at random moments while thousands fall due", {
  timeout: TIMEOUT,
}, async (t) => {
  const { brokers, cluster } = await site(t);
  const run = new ScheduleRun({ brokers, groupProtocol: "classic", partitions: PARTITIONS });
  try {
    await run.start(WORKERS);
    let down: number | undefined;
    for (let kill = 0; kill < KILLS; kill++) {
      const scheduled = run.schedule(EACH_ROUND, Math.random);
      await run.run(1 + Math.floor(Math.random() * 0.6 * EACH_ROUND));
      run.crew.kill(run.crew.living[Math.floor(Math.random() * run.crew.living.length)]!);
      run.crew.hire();
      // Each time another broker: the one before it is back by then.
      if (down !== undefined) await cluster!.start(down);
      down = cluster === undefined || kill % 3 !== 1 ? undefined : 1 + (Math.floor(kill / 3) % BROKERS);
      if (down !== undefined) await cluster!.kill(down);
      await scheduled;
    }
    if (down !== undefined) await cluster!.start(down);
    await run.schedule(EACH_ROUND, Math.random);
    await run.settled();
    await run.crew.dismissAll();
    const { problems, figures } = await run.check();
    t.diagnostic(`${KILLS} kills; ${figures}`);
    assert.deepEqual(problems, []);
  } finally {
    await run.close();
  }
});

/** Three real brokers, or one in this process. */
async function site(t: TestContext): Promise<{ readonly brokers: readonly string[]; readonly cluster?: FaultCluster }> {
  if (IS_LONG) {
    const cluster = await startFaultCluster(SCRIPT, BROKERS, mkdtempSync(join(tmpdir(), "ottla-schedule-faults-")));
    t.after(() => cluster.close());
    return { brokers: cluster.brokers, cluster };
  }
  const broker = await startBroker({ port: 0, minSessionTimeout: 1_000 });
  t.after(() => broker.close());
  return { brokers: [broker.address] };
}
