import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseCron } from "../../src/jobs/cron.ts";
import { type DueTicks, dueTicks } from "../../src/jobs/due-ticks.ts";
import { nextTick } from "../../src/jobs/next-tick.ts";
import type { MissedPolicy } from "../../src/jobs/recurring-definition.ts";
import { timeZone } from "../../src/jobs/time-zone.ts";

const ZONE = timeZone("Europe/Berlin", "timeZone");
const START = Date.UTC(2027, 2, 20);
const MINUTE = 60_000;

function due(cron: string, missed: MissedPolicy, last: number, now: number): DueTicks {
  return dueTicks({ schedule: parseCron(cron, "cron"), zone: ZONE, missed }, last, now);
}

function allTicks(cron: string, last: number, now: number): number[] {
  const schedule = parseCron(cron, "cron");
  const ticks: number[] = [];
  for (
    let tick = nextTick(schedule, last, ZONE);
    tick !== undefined && tick <= now;
    tick = nextTick(schedule, tick, ZONE)
  )
    ticks.push(tick);
  return ticks;
}

const CRONS = ["* * * * * *", "*/20 * * * * *", "* * * * *", "*/7 * * * *", "0 3 * * *", "30 2 * * SUN", "0 0 1 * *"];
const span = fc.oneof(fc.nat(3 * MINUTE), fc.nat(2 * 3_600_000), fc.nat(3 * 86_400_000), fc.nat(60 * 86_400_000));

test("S7.6 what is a minute late at most is dispatched; of what is later, each policy has its share", () => {
  fc.assert(
    fc.property(fc.constantFrom(...CRONS), fc.nat(86_400_000), span, (cron, offset, long) => {
      const last = START + offset;
      const now = last + (cron.startsWith("*") ? Math.min(long, 3 * 3_600_000) : long);
      const ticks = allTicks(cron, last, now);
      const recent = ticks.filter((tick) => tick > now - MINUTE);
      const hasMissed = recent.length < ticks.length;
      assert.deepEqual(due(cron, "skip", last, now).ticks, recent, "skip");
      assert.deepEqual(due(cron, "once", last, now).ticks, hasMissed ? ticks.slice(-1) : recent, "once");
      const all = due(cron, "all", last, now);
      assert.deepEqual(all.ticks, ticks.slice(0, 100), "all");
      assert.equal(all.last, ticks.slice(0, 100).at(-1) ?? last);
    }),
    { numRuns: 300 },
  );
});

test("S7.6 what is dealt with is dealt with: nothing is due twice, and nothing is left out, whenever it is looked", () => {
  const looks = fc.array(fc.nat(5 * MINUTE), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(fc.constantFrom("* * * * *", "*/20 * * * * *"), looks, (cron, pauses) => {
      for (const missed of ["skip", "once", "all"] as const) {
        let [last, now] = [START, START];
        const seen: number[] = [];
        for (const pause of pauses) {
          now += pause;
          const { ticks, last: next } = due(cron, missed, last, now);
          assert.ok(next >= last && ticks.every((tick) => tick > last && tick <= next && tick <= now));
          last = next;
          seen.push(...ticks);
        }
        assert.equal(new Set(seen).size, seen.length);
        if (missed === "all") assert.deepEqual(seen, allTicks(cron, START, now));
      }
    }),
  );
});

test("S7.6 years that were missed of a job of each second take a moment", () => {
  const now = START + 400 * 86_400_000;
  assert.deepEqual(due("* * * * * *", "once", START, now).ticks, [now]);
  assert.equal(due("* * * * * *", "skip", START, now).ticks.length, 60);
  assert.deepEqual(due("0 0 1 1 *", "once", START, START + 800 * 86_400_000).ticks, [Date.UTC(2028, 11, 31, 23)]);
});
