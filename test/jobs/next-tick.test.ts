import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCron } from "../../src/jobs/cron.ts";
import { nextTick } from "../../src/jobs/next-tick.ts";
import { timeZone } from "../../src/jobs/time-zone.ts";

const [SECOND, MINUTE, HOUR] = [1_000, 60_000, 3_600_000] as const;

/** The ticks after `from`, up to `to`, in UTC. */
function ticks(text: string, zone: string, from: string, to: string): string[] {
  const schedule = parseCron(text, "cron");
  const found: string[] = [];
  for (let at = Date.parse(from); ; ) {
    const next = nextTick(schedule, at, timeZone(zone, "timeZone"));
    if (next === undefined || next > Date.parse(to)) return found;
    found.push(new Date(next).toISOString().slice(0, 19));
    at = next;
  }
}

test("S7.6 a tick is the first whole second after an instant, and never the instant itself", () => {
  const [every, utc] = [parseCron("* * * * * *", "cron"), timeZone("UTC", "timeZone")];
  assert.equal(nextTick(every, 0, utc), 1_000);
  assert.equal(nextTick(every, -1, utc), 0);
  assert.equal(nextTick(every, 999.5, utc), 1_000);
  assert.equal(nextTick(every, 1_000, utc), 2_000);
  const minute = parseCron("* * * * *", "cron");
  assert.equal(nextTick(minute, 0, utc), 60_000);
  assert.equal(nextTick(minute, 59_999, utc), 60_000);
});

test("S7.6 there are ticks up to the year 9999, and no instant is too strange to ask for", () => {
  const [yearly, berlin] = [parseCron("@yearly", "cron"), timeZone("Europe/Berlin", "timeZone")];
  assert.equal(nextTick(yearly, Date.UTC(9998, 5), berlin), Date.UTC(9998, 11, 31, 23));
  assert.equal(nextTick(yearly, Date.UTC(9999, 0), berlin), undefined);
  for (const after of [Date.UTC(9999, 11, 31, 23, 30), 8.64e15, 1e300, Infinity, Number.NaN]) {
    assert.equal(nextTick(yearly, after, berlin), undefined, String(after));
  }
  for (const after of [-1e300, -Infinity, -8.64e15]) {
    assert.equal(new Date(nextTick(yearly, after, berlin)!).getUTCFullYear(), 1, String(after));
  }
  // Local mean time, 19 minutes and 32 seconds ahead; Bun's and Node's data cut off the seconds of some.
  const amsterdam = nextTick(yearly, Date.UTC(1850, 5), timeZone("Europe/Amsterdam", "timeZone"))!;
  assert.ok(Math.abs(amsterdam - (Date.UTC(1851, 0) - 19 * MINUTE)) < 2 * MINUTE);
});

test("S7.6 leap days are found over eight years, and over forty where they have to be Mondays", () => {
  assert.deepEqual(ticks("0 0 29 2 *", "UTC", "1896-03-01T00:00Z", "1905-01-01T00:00Z"), ["1904-02-29T00:00:00"]);
  // 29 February 2072 is a Monday. 2100 has no leap day, and so it takes longer than 28 years.
  assert.deepEqual(ticks("0 0 29 2 +MON", "UTC", "2071-01-01T00:00Z", "2113-01-01T00:00Z"), [
    "2072-02-29T00:00:00",
    "2112-02-29T00:00:00",
  ]);
});

test("S7.6 in spring a fixed time that is left out ticks once, when the gap ends", () => {
  // In Berlin on 29 March 2026 it is 3:00 after 1:59:59, at 01:00 UTC.
  assert.deepEqual(ticks("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00Z", "2026-03-31T00:00Z"), [
    "2026-03-28T01:30:00",
    "2026-03-29T01:00:00",
    "2026-03-30T00:30:00",
  ]);
  assert.deepEqual(ticks("0,15,30 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00Z", "2026-03-29T12:00Z"), [
    "2026-03-29T01:00:00",
    "2026-03-29T01:15:00",
    "2026-03-29T01:30:00",
  ]);
  const schedule = parseCron("30 2 * * *", "cron");
  const berlin = timeZone("Europe/Berlin", "timeZone");
  const end = Date.UTC(2026, 2, 29, 1);
  for (const after of [end - 1, end - SECOND, end - HOUR]) assert.equal(nextTick(schedule, after, berlin), end);
  for (const after of [end, end + 1]) assert.equal(nextTick(schedule, after, berlin), Date.UTC(2026, 2, 30, 0, 30));
});

test("S7.6 in autumn a fixed time that comes twice ticks the first time", () => {
  // In Berlin on 25 October 2026 the hour from 2:00 begins at 00:00 UTC and again at 01:00 UTC.
  assert.deepEqual(ticks("30 2 * * *", "Europe/Berlin", "2026-10-24T00:00Z", "2026-10-27T00:00Z"), [
    "2026-10-24T00:30:00",
    "2026-10-25T00:30:00",
    "2026-10-26T01:30:00",
  ]);
  const between = nextTick(
    parseCron("45 2 * * *", "cron"),
    Date.UTC(2026, 9, 25, 1, 10),
    timeZone("Europe/Berlin", "z"),
  );
  assert.equal(between, Date.UTC(2026, 9, 26, 1, 45), "asked for in the second of the hours");
  assert.deepEqual(ticks("0 2,3 * * *", "Europe/Berlin", "2026-10-24T23:00Z", "2026-10-25T12:00Z"), [
    "2026-10-25T00:00:00",
    "2026-10-25T02:00:00",
  ]);
});

test("S7.6 what repeats goes on by real time where clocks change", () => {
  const hours = (day: string, from: number, to: number): string[] =>
    Array.from({ length: to - from + 1 }, (_, i) => `${day}T${String(from + i).padStart(2, "0")}:00:00`);
  for (const day of ["2026-03-29", "2026-10-25"]) {
    assert.deepEqual(ticks("0 * * * *", "Europe/Berlin", `${day}T00:30Z`, `${day}T09:00Z`), hours(day, 1, 9));
    assert.equal(ticks("*/15 * * * *", "Europe/Berlin", `${day}T00:00Z`, `${day}T06:00Z`).length, 24);
    assert.equal(ticks("* * * * *", "Europe/Berlin", `${day}T00:00Z`, `${day}T06:00Z`).length, 360);
    assert.equal(ticks("*/10 * * * * *", "Europe/Berlin", `${day}T00:00Z`, `${day}T03:00Z`).length, 1_080);
  }
  // A step within one hour repeats as well: as with Vixie's cron, not at all where the hour is left out, and twice where it comes twice.
  assert.deepEqual(ticks("*/15 2 * * *", "Europe/Berlin", "2026-03-29T00:00Z", "2026-03-29T12:00Z"), []);
  assert.equal(ticks("*/15 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z", "2026-10-25T12:00Z").length, 8);
});

test("S7.6 clocks that are set by half an hour", () => {
  // Lord Howe: on 4 October 2026 2:30 follows 1:59:59 (15:30 UTC), on 5 April 1:30 follows 1:59:59 (15:00 UTC).
  assert.deepEqual(ticks("15 2 * * *", "Australia/Lord_Howe", "2026-10-02T16:00Z", "2026-10-05T00:00Z"), [
    "2026-10-03T15:30:00",
    "2026-10-04T15:15:00",
  ]);
  assert.deepEqual(ticks("45 1 * * *", "Australia/Lord_Howe", "2026-04-03T16:00Z", "2026-04-06T00:00Z"), [
    "2026-04-04T14:45:00",
    "2026-04-05T15:15:00",
  ]);
  assert.deepEqual(ticks("*/30 * * * *", "Australia/Lord_Howe", "2026-04-04T14:00Z", "2026-04-04T16:00Z"), [
    "2026-04-04T14:30:00",
    "2026-04-04T15:00:00",
    "2026-04-04T15:30:00",
    "2026-04-04T16:00:00",
  ]);
});

test("S7.6 gaps at midnight: the tick that is left out belongs to the day that it begins", () => {
  // São Paulo, 4 November 2018: 1:00 follows 23:59:59 (03:00 UTC).
  assert.deepEqual(ticks("0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00Z", "2018-11-05T12:00Z"), [
    "2018-11-04T03:00:00",
    "2018-11-05T02:00:00",
  ]);
  assert.deepEqual(ticks("30 0 4 11 *", "America/Sao_Paulo", "2018-01-01T00:00Z", "2019-01-01T00:00Z"), [
    "2018-11-04T03:00:00",
  ]);
  // And 17 February 2018: 23:00 comes twice, from 01:00 UTC on and from 02:00 UTC on.
  assert.deepEqual(ticks("30 23 * * *", "America/Sao_Paulo", "2018-02-17T12:00Z", "2018-02-19T12:00Z"), [
    "2018-02-18T01:30:00",
    "2018-02-19T02:30:00",
  ]);
  // Cairo, 26 April 2024: 1:00 follows 23:59:59 (22:00 UTC).
  assert.deepEqual(ticks("@daily", "Africa/Cairo", "2024-04-25T00:00Z", "2024-04-27T00:00Z"), [
    "2024-04-25T22:00:00",
    "2024-04-26T21:00:00",
  ]);
});

test("S7.6 gaps that end at midnight: the tick that is left out happens then, on the next day", () => {
  // Nuuk, 28 March 2026: 0:00 follows 22:59:59 (01:00 UTC). Pyongyang, 4 May 2018: 0:00 follows 23:29:59 (15:00 UTC).
  assert.deepEqual(ticks("30 23 * * *", "America/Nuuk", "2026-03-28T12:00Z", "2026-03-30T12:00Z"), [
    "2026-03-29T01:00:00",
    "2026-03-30T00:30:00",
  ]);
  assert.deepEqual(ticks("45 23 * * *", "Asia/Pyongyang", "2018-05-04T00:00Z", "2018-05-06T00:00Z"), [
    "2018-05-04T15:00:00",
    "2018-05-05T14:45:00",
  ]);
});

test("S7.6 a day that a zone leaves out has no ticks, and nothing makes up for it", () => {
  // Pacific/Apia had no 30 December 2011: 31 December followed 29 December, at 10:00 UTC.
  assert.deepEqual(ticks("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00Z", "2012-01-01T00:00Z"), [
    "2011-12-29T22:00:00",
    "2011-12-30T22:00:00",
    "2011-12-31T22:00:00",
  ]);
  assert.deepEqual(ticks("0 12 30 12 *", "Pacific/Apia", "2011-06-01T00:00Z", "2012-06-01T00:00Z"), []);
  assert.deepEqual(ticks("0 0 * * *", "Pacific/Apia", "2011-12-29T00:00Z", "2011-12-31T12:00Z"), [
    "2011-12-29T10:00:00",
    "2011-12-30T10:00:00",
    "2011-12-31T10:00:00",
  ]);
});

test("S7.6 offsets of quarter hours", () => {
  assert.deepEqual(ticks("0 0,12 * * *", "Asia/Kathmandu", "2026-05-01T00:00Z", "2026-05-02T00:00Z"), [
    "2026-05-01T06:15:00",
    "2026-05-01T18:15:00",
  ]);
  assert.deepEqual(ticks("*/30 * * * *", "Asia/Kathmandu", "2026-05-01T00:00Z", "2026-05-01T01:00Z"), [
    "2026-05-01T00:15:00",
    "2026-05-01T00:45:00",
  ]);
});
