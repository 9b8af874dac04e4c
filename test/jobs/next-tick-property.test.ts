import assert from "node:assert/strict";
import nodeProcess from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import { parseCron } from "../../src/jobs/cron.ts";
import { nextTick } from "../../src/jobs/next-tick.ts";
import { timeZone } from "../../src/jobs/time-zone.ts";
import { type CronExpression, cronExpression } from "../support/cron-expression.ts";
import { ZONE_CHANGES, type ZoneChange } from "../support/zone-changes.ts";
import { zoneClock } from "../support/zone-clock.ts";

const RUNS = Number(nodeProcess.env.OTTLA_SIMULATIONS ?? 150);
const SEED = nodeProcess.env.OTTLA_SEED === undefined ? {} : { seed: Number(nodeProcess.env.OTTLA_SEED) };
const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000] as const;
const DAYS_IN_400_YEARS = 146_097;

/** What a clock shows at each of some instants, one `step` after the other. */
interface Film {
  readonly zone: string;
  readonly from: number;
  readonly step: number;
  readonly shows: Float64Array;
}

/** A clock around one change: by the second for some hours, or by the minute for some days. */
function film({ zone, at }: ZoneChange, step: number, around: number): Film {
  const clock = zoneClock(zone);
  const from = at - around;
  return {
    zone,
    from,
    step,
    shows: Float64Array.from({ length: (2 * around) / step }, (_, i) => clock(from + i * step)),
  };
}

/** The ticks of a film, by looking at each of its pictures. */
function watched({ from, step, shows }: Film, { isAt, repeats }: CronExpression): number[] {
  let shown = shows[0]! - step;
  const found: number[] = [];
  shows.forEach((local, i) => {
    const leftOut = Array.from(
      { length: local - shown < DAY ? Math.max(0, (local - shown) / step - 1) : 0 },
      (_, n) => shown + (n + 1) * step,
    );
    const ticks = repeats ? isAt(local) : [...leftOut, local].some((each) => each > shown && isAt(each));
    if (ticks && i > 0) found.push(from + i * step);
    shown = Math.max(shown, local);
  });
  return found;
}

function found({ zone, from, step, shows }: Film, { text }: CronExpression): number[] {
  const schedule = parseCron(text, "cron");
  const ticks: number[] = [];
  for (let at = nextTick(schedule, from, timeZone(zone, "zone")); at !== undefined; ) {
    if (at >= from + shows.length * step) break;
    ticks.push(at);
    at = nextTick(schedule, at, timeZone(zone, "zone"));
  }
  return ticks;
}

function ticksEver({ isOn }: CronExpression): boolean {
  for (let day = 0; day < DAYS_IN_400_YEARS; day++) if (isOn(day)) return true;
  return false;
}

test("S7.6 an expression is refused for never ticking if, and only if, no day of 400 years is one of its own", () => {
  fc.assert(
    fc.property(cronExpression(true), (expression) => {
      const parse = () => parseCron(expression.text, "cron");
      if (ticksEver(expression)) assert.equal(parse().repeats, expression.repeats, expression.text);
      else assert.throws(parse, /never tick/, expression.text);
    }),
    { numRuns: RUNS, ...SEED },
  );
});

test("S7.6 ticks by the second around changes of clocks are those that one sees who watches the clock", () => {
  const films = ZONE_CHANGES.map((change) => film(change, SECOND, HOUR));
  fc.assert(
    fc.property(fc.constantFrom(...films), cronExpression(true), (watch, expression) => {
      fc.pre(ticksEver(expression));
      assert.deepEqual(found(watch, expression), watched(watch, expression), `${expression.text} ${watch.zone}`);
    }),
    { numRuns: RUNS, ...SEED },
  );
});

test("S7.6 ticks by the minute around changes of clocks are those that one sees who watches the clock", () => {
  const wholeMinutes = ZONE_CHANGES.filter(({ zone }) => zone !== "Africa/Monrovia");
  const films = wholeMinutes.map((change) => film(change, MINUTE, 2 * DAY));
  fc.assert(
    fc.property(fc.constantFrom(...films), cronExpression(true), (watch, expression) => {
      const byMinute = { ...expression, text: expression.text.split(" ").slice(-5).join(" ") };
      fc.pre(ticksEver(byMinute) && byMinute.text === expression.text);
      assert.deepEqual(found(watch, byMinute), watched(watch, byMinute), `${byMinute.text} ${watch.zone}`);
    }),
    { numRuns: RUNS, ...SEED },
  );
});
