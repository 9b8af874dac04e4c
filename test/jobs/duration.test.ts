import assert from "node:assert/strict";
import { test } from "node:test";
import { type Duration, parseDuration } from "../../src/jobs/duration.ts";

test("a duration is milliseconds or text with a unit", () => {
  const cases: [Duration, number][] = [
    [0, 0],
    [250, 250],
    ["0s", 0],
    ["250ms", 250],
    ["5s", 5_000],
    ["1.5h", 5_400_000],
    ["2m", 120_000],
    ["7d", 604_800_000],
  ];
  for (const [value, ms] of cases) assert.equal(parseDuration(value, "x"), ms);
});

test("a duration that is none is refused by the option's name", () => {
  const wrong = [
    "-5s",
    "1e3s",
    "5",
    "s",
    "",
    " 5s",
    "5 s",
    "5S",
    "1.s",
    ".5s",
    "5w",
    -1,
    Number.NaN,
    Infinity,
    null,
    {},
    5n,
  ];
  for (const value of wrong) {
    assert.throws(
      () => parseDuration(value, "queues.a.backoff.initial"),
      (error: Error & { code?: string; option?: string }) =>
        error.name === "InvalidOptionError" &&
        error.code === "INVALID_OPTION" &&
        error.option === "queues.a.backoff.initial" &&
        error.message.includes("is no duration"),
      String(value),
    );
  }
});
