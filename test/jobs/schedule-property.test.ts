import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { checkSchedules } from "../support/check-schedules.ts";
import { executeSchedule, scheduleCommand } from "../support/schedule-commands.ts";
import { ScheduleWorld, TOPICS } from "../support/schedule-world.ts";
import { PROTOCOLS } from "../support/worker-bench.ts";

/** Of each group protocol. */
const RUNS = Number(process.env.OTTLA_SIMULATIONS ?? 20);
/** Milliseconds; a run takes some hundred. */
const TIMEOUT = 60_000 + RUNS * 3_000;
const SEED = process.env.OTTLA_SEED === undefined ? {} : { seed: Number(process.env.OTTLA_SEED) };

for (const protocol of PROTOCOLS) {
  const what = `S7.2-5 S8.5-7 S8.10 hold for random entries, requests, workers, crashes, pauses and faults (${protocol})`;
  test(what, { timeout: TIMEOUT }, async () => {
    const property = fc.asyncProperty(
      fc.nat(),
      fc.array(scheduleCommand, { minLength: 4, maxLength: 30 }),
      async (seed, commands) => {
        const world = new ScheduleWorld({ seed, protocol, latency: 5 });
        await world.start();
        try {
          for (const step of commands) await executeSchedule(world, step);
          await world.settle();
          const [schedule, queue, plain, dead] = [
            await world.read(TOPICS.schedule),
            await world.read(TOPICS.queue),
            await world.read(TOPICS.plain),
            await world.read(TOPICS.dead),
          ];
          const problems = checkSchedules(world.asked, { schedule, queue, plain, dead }, world.ran);
          assert.deepEqual(problems, [], world.errors.slice(-10).join("\n"));
          for (const { state, entries, bufferedBytes, apart } of world.schedules)
            assert.deepEqual([state, entries, bufferedBytes, apart], ["running", 0, 0, []]);
        } finally {
          await world.stop();
        }
      },
    );
    // fast-check prints the seed and the shrunk commands of a failure; OTTLA_SEED runs the same again.
    await fc.assert(property, { numRuns: RUNS, ...SEED });
  });
}
