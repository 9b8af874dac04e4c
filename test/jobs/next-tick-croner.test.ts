import assert from "node:assert/strict";
import nodeProcess from "node:process";
import { test } from "node:test";
import { Cron } from "croner";
import fc from "fast-check";
import { type CronSchedule, parseCron } from "../../src/jobs/cron.ts";
import { nextTick } from "../../src/jobs/next-tick.ts";
import { type TimeZone, timeZone } from "../../src/jobs/time-zone.ts";
import { cronExpression } from "../support/cron-expression.ts";

const RUNS = Number(nodeProcess.env.OTTLA_SIMULATIONS ?? 100);
const SEED = nodeProcess.env.OTTLA_SEED === undefined ? {} : { seed: Number(nodeProcess.env.OTTLA_SEED) };
const [SECOND, HOUR, DAY] = [1_000, 3_600_000, 86_400_000] as const;
const ZONES = [...Intl.supportedValuesOf("timeZone"), "UTC"];

const anyZone = fc.constantFrom(...ZONES).map((name) => timeZone(name, "timeZone"));
const anyTime = fc.integer({ min: 0, max: Date.UTC(2060, 0) / SECOND }).map((second) => second * SECOND);

/** Croner's next ticks. Which schedules repeat is what we say by "no-wildcard", and `5/10` is "sloppy" to it. */
function croners(text: string, zone: TimeZone, from: number, count: number): number[] {
  const cron = new Cron(text, { timezone: zone.name, fixedTimeRule: "no-wildcard", sloppyRanges: true });
  return cron.nextRuns(count, new Date(from)).map((at) => at.getTime());
}

function ours(schedule: CronSchedule, zone: TimeZone, from: number, to: number): number[] {
  const ticks: number[] = [];
  for (let at = nextTick(schedule, from, zone); at !== undefined && at <= to; at = nextTick(schedule, at, zone)) {
    ticks.push(at);
  }
  return ticks;
}

/** Where croner chose otherwise, or goes wrong. Each has an example below. */
function isDisputed(at: number, { repeats }: CronSchedule, zone: TimeZone): boolean {
  const period = zone.periodAt(at);
  const next = zone.periodAt(period.end);
  return (!repeats && at === period.start && leavesOutMidnight(period)) || isFarBack(at, period) || isFarBack(at, next);
}

type Change = Pick<ReturnType<TimeZone["periodAt"]>, "start" | "offset" | "passed">;

function leavesOutMidnight({ start, offset, passed }: Change): boolean {
  return passed < start + offset && Math.floor(passed / DAY) !== Math.floor((start + offset) / DAY);
}

/** Whether a time is one of those that a clock shows twice, because it was set back by more than three hours. */
function isFarBack(at: number, { start, offset, passed }: Change): boolean {
  const back = passed - (start + offset);
  return back > 3 * HOUR && at >= start - back && at < start + back;
}

function compare(text: string, zone: TimeZone, from: number, count: number): void {
  const schedule = parseCron(text, "cron");
  const theirs = croners(text, zone, from, count);
  assert.ok(theirs.length > 0);
  const agreed = (ticks: readonly number[]) =>
    ticks.filter((at) => !isDisputed(at, schedule, zone)).map((at) => new Date(at).toISOString());
  const own = ours(schedule, zone, from, theirs.at(-1)!);
  assert.deepEqual(agreed(own), agreed(theirs), `"${text}" in ${zone.name} after ${new Date(from).toISOString()}`);
}

/** The first change of a zone's clocks after some time, or that time where none comes within some years. */
function changeAfter(at: number, zone: TimeZone): number {
  let period = zone.periodAt(at);
  for (let i = 0; i < 5; i++) {
    const next = zone.periodAt(period.end);
    if (next.offset !== period.offset) return next.start;
    period = next;
  }
  return at;
}

function isPossible(text: string): boolean {
  try {
    parseCron(text, "cron");
    return true;
  } catch {
    return false;
  }
}

test("S7.6 thousands of ticks are croner's, for any expression, zone and time", () => {
  fc.assert(
    fc.property(cronExpression(false), anyZone, anyTime, ({ text }, zone, from) => {
      // To croner the Sunday that ends a range is 7, so that 0-SUN is all of the week.
      fc.pre(isPossible(text) && !/-sun/i.test(text));
      compare(text, zone, from, 200);
    }),
    { numRuns: RUNS, ...SEED },
  );
});

test("S7.6 ticks around changes of clocks are croner's, but where it chose otherwise", () => {
  const some = (max: number, count: number) =>
    fc.uniqueArray(fc.nat(max), { minLength: 1, maxLength: count }).map((values) => values.join(","));
  const fixed = fc.tuple(some(59, 4), some(23, 12)).map(([minutes, hours]) => `${minutes} ${hours} * * *`);
  const repeating = fixed.map((text) => text.replace(" * * *", ",0-23/5 * * *"));
  const lead = fc.integer({ min: -HOUR / SECOND, max: (30 * HOUR) / SECOND }).map((seconds) => seconds * SECOND);
  fc.assert(
    fc.property(fc.oneof(fixed, repeating), anyZone, anyTime, lead, (text, zone, at, before) => {
      compare(text, zone, changeAfter(at, zone) - before, 30);
    }),
    { numRuns: 4 * RUNS, ...SEED },
  );
});

test("S7.6 where croner is not followed: gaps up to midnight, and days that came twice", () => {
  const first = (text: string, zone: TimeZone, after: number) => [
    new Date(nextTick(parseCron(text, "cron"), after, zone)!).toISOString(),
    new Date(croners(text, zone, after, 1)[0]!).toISOString(),
  ];
  // Nuuk has no hour from 23:00 on that evening. Croner makes up for what is left out on the same day alone.
  assert.deepEqual(first("30 23 * * *", timeZone("America/Nuuk", "z"), Date.UTC(2026, 2, 28, 12)), [
    "2026-03-29T01:00:00.000Z",
    "2026-03-30T00:30:00.000Z",
  ]);
  // Kwajalein was 11 hours ahead up to 13:00 UTC, and 12 behind then. Croner leaves out 14:04 of the first 30 September.
  assert.deepEqual(first("4 14 * * *", timeZone("Pacific/Kwajalein", "z"), Date.UTC(1969, 8, 30, 1)), [
    "1969-09-30T03:04:00.000Z",
    "1969-10-01T02:04:00.000Z",
  ]);
});
