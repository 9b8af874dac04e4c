import assert from "node:assert/strict";
import nodeProcess from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import { TimeZone, timeZone } from "../../src/jobs/time-zone.ts";
import { ZONE_CHANGES } from "../support/zone-changes.ts";
import { zoneClock } from "../support/zone-clock.ts";

const RUNS = Number(nodeProcess.env.OTTLA_SIMULATIONS ?? 200);
const SEED = nodeProcess.env.OTTLA_SEED === undefined ? {} : { seed: Number(nodeProcess.env.OTTLA_SEED) };
const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000] as const;
const ZONES = [...Intl.supportedValuesOf("timeZone"), "UTC"];

const offsetAt = (zone: string, ms: number): number => timeZone(zone, "timeZone").periodAt(ms).offset;

test("S7.6 each zone has, at any time since 1900, the offset that Intl's clock shows", () => {
  const second = fc.integer({ min: Date.UTC(1900, 0) / SECOND, max: Date.UTC(2150, 0) / SECOND });
  fc.assert(
    fc.property(fc.constantFrom(...ZONES), second, (zone, at) => {
      assert.equal(offsetAt(zone, at * SECOND), zoneClock(zone)(at * SECOND) - at * SECOND);
    }),
    { numRuns: RUNS, ...SEED },
  );
});

test("S7.6 what a zone has cached is one period after the other, each with the offset that Intl's clock shows", () => {
  fc.assert(
    fc.property(fc.constantFrom(...ZONES), fc.integer({ min: 1850, max: 2100 }), (name, year) => {
      const zone = timeZone(name, "timeZone");
      const clock = zoneClock(name);
      for (let at = Date.UTC(year, 0); at < Date.UTC(year + 3, 0); ) {
        const { start, end, offset, passed } = zone.periodAt(at);
        assert.ok(start <= at && at < end);
        for (const inside of [start, end - SECOND]) assert.equal(clock(inside) - inside, offset, `${name} ${inside}`);
        // Local times that were shown before: those of the period before it, and what that one had passed.
        const before = zone.periodAt(start - SECOND);
        assert.equal(before.end, start);
        assert.equal(passed, Math.max(before.passed, start + before.offset), `${name} ${start}`);
        at = end;
      }
    }),
    { numRuns: Math.ceil(RUNS / 4), ...SEED },
  );
});

test("S7.6 the instants at which clocks change are exact to the second", () => {
  for (const { zone, at } of ZONE_CHANGES) {
    const of = timeZone(zone, "timeZone");
    const [before, after] = [of.periodAt(at - 1), of.periodAt(at)];
    assert.deepEqual([before.end, after.start], [at, at], zone);
    assert.notEqual(before.offset, after.offset, zone);
    assert.equal(after.passed, at + before.offset, zone);
  }
});

/** A zone whose clocks are set back or on once: as the format says, which is all that a zone knows of time. */
function madeUp(change: number, before: number, after: number): TimeZone {
  const format = (ms: number): string => {
    const at = new Date(ms + (ms < change ? before : after));
    const date = [at.getUTCMonth() + 1, at.getUTCDate(), at.getUTCFullYear()];
    return `${date.join("/")}, ${at.getUTCHours()}:${at.getUTCMinutes()}:${at.getUTCSeconds()}`;
  };
  return new TimeZone("Made/Up", { format } as Intl.DateTimeFormat);
}

test("S7.6 what a clock has shown is known across the border of what is read at once", () => {
  // Of a zone that changes nothing, periods end for no other reason.
  const border = timeZone("UTC", "timeZone").periodAt(Date.UTC(2026, 0)).end;
  for (const ago of [0, SECOND, 30 * MINUTE, HOUR - SECOND]) {
    const back = madeUp(border - ago, 2 * HOUR, HOUR).periodAt(border);
    assert.deepEqual([back.start, back.offset, back.passed], [border, HOUR, border - ago + 2 * HOUR], `back ${ago}`);
  }
  for (const ago of [SECOND, 30 * MINUTE, DAY]) {
    const on = madeUp(border - ago, HOUR, 2 * HOUR).periodAt(border);
    assert.deepEqual([on.start, on.offset, on.passed], [border, 2 * HOUR, border + 2 * HOUR], `on ${ago}`);
  }
  const on = madeUp(border, HOUR, 2 * HOUR).periodAt(border);
  assert.deepEqual([on.start, on.offset, on.passed], [border, 2 * HOUR, border + HOUR]);
});

test("S7.6 years before there was a time zone, and far ahead, have an offset", () => {
  for (const zone of ZONES) {
    for (const at of [-8.64e15, Date.UTC(-1, 0), Date.UTC(1750, 5), Date.UTC(9999, 11, 31)]) {
      assert.ok(Math.abs(offsetAt(zone, at)) < DAY, zone);
    }
  }
});

test("S7.6 a zone is made once, whatever the case of its name, and reads again what it has had to forget", () => {
  assert.equal(timeZone("europe/BERLIN", "a"), timeZone("Europe/Berlin", "b"));
  assert.equal(timeZone("Europe/Lisbon", "a").name, "Europe/Lisbon");
  assert.equal(timeZone("utc", "a").name, "UTC");
  for (const old of ["Asia/Calcutta", "Asia/Kolkata", "Europe/Kyiv", "EST", "Etc/GMT-5", "US/Pacific"])
    timeZone(old, "a");
  // Twice through 600 years: more than is kept, so the second time reads again what is forgotten.
  const clock = zoneClock("Europe/Lisbon");
  for (let round = 0; round < 2; round++) {
    for (let year = 1900; year < 2500; year += 3) {
      const at = Date.UTC(year, 6);
      assert.equal(offsetAt("Europe/Lisbon", at), clock(at) - at);
    }
  }
});

test("S7.6 what is no zone is refused, with the one that was meant", () => {
  const cases: [unknown, RegExp][] = [
    ["Europe/Berln", /did you mean "Europe\/Berlin"\?/],
    ["Berlin", /did you mean "Europe\/Berlin"\?/],
    ["new york", /did you mean "America\/New_York"\?/],
    ["+02:00", /an offset knows no daylight saving/],
    ["UTC+2", /an offset knows no daylight saving/],
    ["GMT-05:30", /an offset knows no daylight saving/],
    ["BST", /mean several places/],
    ["IST", /mean several places/],
    ["pst", /mean several places/],
    ["Mars/Olympus_Mons_Base_Camp_Number_Seven", /an IANA name/],
    ["x".repeat(100_000), /^jobs\.a\.timeZone: a long string is no time zone; an IANA name/],
    ["", /a time zone as "Europe\/Berlin" or "UTC" is expected/],
    [undefined, /undefined given/],
    [120, /120 given/],
    [{}, /an object given/],
  ];
  for (const [value, message] of cases) {
    assert.throws(
      () => timeZone(value, "jobs.a.timeZone"),
      (error: Error & { code?: string; option?: string }) =>
        error.name === "InvalidOptionError" && error.option === "jobs.a.timeZone" && message.test(error.message),
      String(value).slice(0, 50),
    );
  }
});
