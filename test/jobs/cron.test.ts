import assert from "node:assert/strict";
import nodeProcess from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import { type CronSchedule, parseCron } from "../../src/jobs/cron.ts";
import { nextTick } from "../../src/jobs/next-tick.ts";
import { timeZone } from "../../src/jobs/time-zone.ts";
import { cronExpression } from "../support/cron-expression.ts";

const RUNS = Number(nodeProcess.env.OTTLA_SIMULATIONS ?? 3_000);
const SEED = nodeProcess.env.OTTLA_SEED === undefined ? {} : { seed: Number(nodeProcess.env.OTTLA_SEED) };
const UTC = timeZone("UTC", "timeZone");

/** The first ticks of a year, without it: 2026 begins with a Thursday. */
function ticks(text: string, count: number, year = 2026): string[] {
  const schedule = parseCron(text, "cron");
  const found: string[] = [];
  let at: number | undefined = Date.UTC(year, 0) - 1;
  while (found.length < count) {
    at = nextTick(schedule, at, UTC);
    if (at === undefined) break;
    found.push(new Date(at).toISOString().slice(5, 19).replace("T", " "));
  }
  return found;
}

/** As `ticks`, of days alone. */
function days(text: string, count: number, year = 2026): string[] {
  return ticks(text, count, year).map((tick) => tick.slice(0, 5));
}

function same(one: string, other: string): void {
  assert.deepEqual(parseCron(one, "cron"), parseCron(other, "cron"), `${one} is ${other}`);
}

function refused(text: unknown, message: RegExp): void {
  assert.throws(
    () => parseCron(text, "recurring.nightly.cron"),
    (error: Error & { code?: string; option?: string }) => {
      assert.match(error.message, message);
      assert.deepEqual(
        [error.name, error.code, error.option],
        ["InvalidOptionError", "INVALID_OPTION", "recurring.nightly.cron"],
      );
      return error.message.startsWith("recurring.nightly.cron: ");
    },
    String(text),
  );
}

test("S7.6 an expression has five fields, or six with seconds first", () => {
  assert.deepEqual(ticks("30 3 * * *", 2), ["01-01 03:30:00", "01-02 03:30:00"]);
  assert.deepEqual(ticks("15 30 3 * * *", 2), ["01-01 03:30:15", "01-02 03:30:15"]);
  assert.deepEqual(ticks("  0\t3 *\n* * ", 1), ["01-01 03:00:00"]);
  assert.deepEqual(ticks("* * * * *", 3), ["01-01 00:00:00", "01-01 00:01:00", "01-01 00:02:00"]);
  assert.deepEqual(ticks("59 59 23 31 12 *", 2), ["12-31 23:59:59", "12-31 23:59:59"]);
});

test("S7.6 values, lists, ranges and steps", () => {
  assert.deepEqual(ticks("5,35 8-9 * * *", 4), [
    "01-01 08:05:00",
    "01-01 08:35:00",
    "01-01 09:05:00",
    "01-01 09:35:00",
  ]);
  same("*/15 * * * *", "0,15,30,45 * * * *");
  same("5-30/5 * * * *", "5,10,15,20,25,30 * * * *");
  same("40/5 * * * *", "40,45,50,55 * * * *");
  same("0 0 */10 * *", "0 0 1/10 * *");
  same("0 0 1,11,21,31 * *", "0 0 1,11,21,31,11 * *");
  same("*/60 * * * *", "0/60 * * * *");
  same("00 007 * * *", "0 7 * * *");
  same("? ? ? ? ?", "* * * * *");
});

test("S7.6 a range that ends before it begins goes around", () => {
  same("0 0 * * FRI-MON", "0 0 * * 5,6,0,1");
  same("0 0 * NOV-FEB *", "0 0 * 11,12,1,2 *");
  same("0 22-2 * * *", "0 22,23,0,1,2 * * *");
  same("50-10/10 0 * * *", "50/10,0-10/10 0 * * *");
  same("0 0 30-2 * *", "0 0 30,31,1,2 * *");
  same("0 0 * * 6-7", "0 0 * * SAT,SUN");
  same("0 0 * * 7-2", "0 0 * * 0-2");
  same("0 0 * * 0-7", "0 0 * * 0-6");
  same("0 0 * * SAT-SUN", "0 0 * * 6-0");
});

test("S7.6 months and days of week have names in any case, and 7 is Sunday", () => {
  same("0 0 * jan,Jul,DEC *", "0 0 * 1,7,12 *");
  same("0 0 * * mon-FRI", "0 0 * * 1-5");
  same("0 0 * * 7", "0 0 * * sun");
  assert.deepEqual(days("0 0 * * 7", 2), ["01-04", "01-11"]);
});

test("S7.6 nicknames, in any case", () => {
  same("@yearly", "0 0 1 1 *");
  same("@annually", "@yearly");
  same("@monthly", "0 0 1 * *");
  same("@weekly", "0 0 * * SUN");
  same(" @Daily ", "0 0 * * *");
  same("@midnight", "@daily");
  same("@HOURLY", "0 * * * *");
});

test("S7.6 where both kinds of days are restricted either counts, and with + only both", () => {
  assert.deepEqual(days("0 0 13 * FRI", 4), ["01-02", "01-09", "01-13", "01-16"]);
  assert.deepEqual(days("0 0 13 * +FRI", 3), ["02-13", "03-13", "11-13"]);
  assert.deepEqual(days("0 0 13 * *", 2), ["01-13", "02-13"]);
  assert.deepEqual(days("0 0 * * FRI", 2), ["01-02", "01-09"]);
  assert.deepEqual(days("0 0 * * +FRI", 2), ["01-02", "01-09"]);
  // A step restricts, though it begins with *.
  assert.deepEqual(days("0 0 */10 * FRI", 4), ["01-01", "01-02", "01-09", "01-11"]);
});

test("S7.6 L, W and # find days by their place in the month", () => {
  assert.deepEqual(days("0 0 L * *", 3), ["01-31", "02-28", "03-31"]);
  assert.deepEqual(days("0 0 L 2 *", 1, 2028), ["02-29"]);
  assert.deepEqual(days("0 0 15,L * *", 3), ["01-15", "01-31", "02-15"]);
  // 31 January 2026 is a Saturday, 28 February too; 31 May is a Sunday.
  assert.deepEqual(days("0 0 LW * *", 5), ["01-30", "02-27", "03-31", "04-30", "05-29"]);
  // 15 February 2026 is a Sunday, 15 August a Saturday.
  assert.deepEqual(days("0 0 15W 2,8 *", 2), ["02-16", "08-14"]);
  // 1 February 2026 is a Sunday; 1 August a Saturday, whose nearest weekday is in July; 31 May a Sunday.
  assert.deepEqual(days("0 0 1w 2,8 *", 2), ["02-02", "08-03"]);
  assert.deepEqual(days("0 0 31W 4-6 *", 1), ["05-29"]);
  assert.deepEqual(days("0 0 * * MON#2", 3), ["01-12", "02-09", "03-09"]);
  assert.deepEqual(days("0 0 * * thu#5", 3), ["01-29", "04-30", "07-30"]);
  assert.deepEqual(days("0 0 * * 5L", 3), ["01-30", "02-27", "03-27"]);
  same("0 0 * * 5L", "0 0 * * FRI#L");
  same("0 0 * * fril", "0 0 * * 5#l");
  assert.deepEqual(days("0 0 * * MON-TUE#1,7L", 4), ["01-05", "01-06", "01-25", "02-02"]);
});

test("S7.6 an expression that never ticks is refused", () => {
  for (const text of ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 31W 4 *", "0 0 29 2 +MON#1", "0 0 LW * +SAT"]) {
    refused(text, /would never tick: none of its months has such a day/);
  }
  assert.deepEqual(days("0 0 29 2 *", 1), ["02-29"]);
  assert.deepEqual(days("0 0 30 2 MON", 2), ["02-02", "02-09"]);
});

test("S7.6 what is wrong is said by the field's name, with what is expected", () => {
  const fields =
    /fields?, 5 fields \(minute, hour, day of month, month, day of week\), or 6 with seconds first, are expected/;
  for (const text of ["", "   ", "* * * *", "5m", "every 5 minutes", "* * * * * * *"]) refused(text, fields);
  refused("0 0 1 1 * 2026 2027", /has 7 fields.*years are not supported/);
  refused("60 * * * *", /minute "60": "60" is out of range; 0 to 59 is expected/);
  refused("60 * * * * *", /second "60"/);
  refused("0 24 * * *", /hour "24": "24" is out of range; 0 to 23, where midnight is 0, is expected/);
  refused("0 0 0 * *", /day of month "0": "0" is out of range; 1 to 31 is expected/);
  refused("0 0 1,32 * *", /day of month "1,32": "32" is out of range/);
  refused("0 0 * 0 *", /month "0".*1 to 12, or JAN to DEC/);
  refused("0 0 * * 8", /day of week "8".*0 to 7, where 0 and 7 are Sunday/);
  refused("0 0 * June *", /month "June": "June" is no name; did you mean JUN\?/);
  refused("0 0 * * mondays", /did you mean MON\?/);
  refused("0 0 * MON *", /month "MON": "MON" is no number; 1 to 12, or JAN to DEC, is expected/);
  refused("H * * * *", /minute "H": "H" is no number/);
  refused("-5 * * * *", /a value is missing; 0 to 59 is expected/);
  refused("1.5 * * * *", /no number/);
  refused("1,,2 * * * *", /a value is missing; 5 or 5,10 is expected/);
  refused("1-2-3 * * * *", /"1-2-3" is no range; two values, as 1-5, are expected/);
  refused("*/0 * * * *", /a step of "0" is not possible; 1 to 60 is expected$/);
  refused("*/90 * * * *", /a step of "90" is not possible; 1 to 60 is expected, for it begins anew with each hour/);
  refused("*/x * * * *", /a step of "x"/);
  refused("/5 * * * *", /a step needs something before it, as \*\/5/);
  refused("1/2/3 * * * *", /more than one step/);
  refused("L * * * *", /minute "L": "L" cannot stand there; L, LW, 15W \(days of month\)/);
  refused("0 0 L-3 * *", /day of month "L-3": "L" cannot stand there/);
  refused("0 0 1-15W * *", /"15W" cannot stand there/);
  refused("0 0 MON#2 * *", /"MON#2" cannot stand there/);
  refused("0 0 * * L", /"L" needs a day before it, as MON#2 or, for the last Friday, 5L/);
  refused("0 0 * * *#2", /needs a day before it/);
  refused("0 0 * * MON#6", /# and 1 to 5 or L, as MON#2, is expected/);
  refused("0 0 * * +", /day of week "\+": a value is missing/);
  refused("@reboot", /enqueue the job where the process starts/);
  refused("@dayly", /did you mean "@daily"\?/);
  refused("@every 5m", /is no nickname/);
  refused(`${"1".repeat(5_000)} * * * *`, /minute "1{20}…": "1{20}…" is out of range/);
  refused(undefined, /undefined given, a cron expression as "0 3 \* \* \*" is expected/);
  refused(5, /5 given/);
  refused(["* * * * *"], /an array given/);
});

test("S7.6 any text at all is a schedule or an InvalidOptionError, and a schedule ticks within 400 years", () => {
  const token = fc.constantFrom(
    ..."0 1 5 7 12 30 31 60 * ? / - , # L W LW + @ mon SUN feb Dec @daily x é".split(" "),
    " ",
  );
  const soup = fc.array(token, { maxLength: 25 }).map((tokens) => tokens.join(""));
  // Something possible, with a part of it put in place of another.
  const nearly = fc.tuple(cronExpression(true), fc.nat(40), fc.nat(3), token).map(([{ text }, at, length, put]) => {
    return text.slice(0, at) + put + text.slice(at + length);
  });
  const whole = cronExpression(true).map((expression) => expression.text);
  const text = fc.oneof(fc.string({ unit: "binary" }), soup, nearly, whole);
  let taken = 0;
  fc.assert(
    fc.property(text, fc.integer({ min: 0, max: Date.UTC(9000, 0) }), (input, after) => {
      const schedule = parsed(input);
      if (schedule === undefined) return;
      taken++;
      const tick = nextTick(schedule, after, UTC);
      assert.ok(tick !== undefined && tick > after && tick < after + 400 * 366 * 86_400_000, input);
    }),
    { numRuns: RUNS, ...SEED },
  );
  assert.ok(taken > 0, "none was a schedule");
});

function parsed(text: string): CronSchedule | undefined {
  try {
    return parseCron(text, "cron");
  } catch (error) {
    assert.equal((error as Error).name, "InvalidOptionError", String((error as Error).stack));
    return undefined;
  }
}
