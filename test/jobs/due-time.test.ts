import assert from "node:assert/strict";
import { test } from "node:test";
import { checkDue, checkInstant, type DueOptions, dueTime } from "../../src/jobs/due-time.ts";
import { InvalidOptionError } from "../../src/jobs/errors.ts";

const NOW = 1_800_000_000_000;
const due = (options: DueOptions): number => dueTime(checkDue(options, "set"), NOW, "set");

test("S7.1 a wait counts from the call, an instant is what it is; never too early", () => {
  assert.equal(due({ wait: "5m" }), NOW + 300_000);
  assert.equal(due({ wait: 0.5 }), NOW + 1);
  assert.equal(due({ wait: 0 }), NOW);
  assert.equal(due({ waitUntil: new Date(NOW + 7) }), NOW + 7);
  assert.equal(due({ waitUntil: NOW - 7 }), NOW - 7);
  assert.equal(due({ waitUntil: new Date(0) }), 0);
  assert.equal(due({ wait: "36525d" }), NOW + 36_525 * 86_400_000);
});

const REFUSED: readonly (readonly [options: unknown, option: string, problem: RegExp])[] = [
  [{ wait: "5m", waitUntil: NOW }, "set", /both given/],
  [{ wait: "soon" }, "set.wait", /"soon" is no duration/],
  [{ wait: -1 }, "set.wait", /-1 is no duration/],
  [{ wait: "36526d" }, "set.wait", /100 years.*seconds.*milliseconds/],
  [{ waitUntil: NOW * 1000 }, "set.waitUntil", /100 years.*microseconds/],
  [{ waitUntil: NOW / 1000 }, "set.waitUntil", /1970-01-21.*seconds/],
  [{ waitUntil: new Date(Number.NaN) }, "set.waitUntil", /invalid date/],
  [{ waitUntil: "2027-01-01" }, "set.waitUntil", /"2027-01-01" given, a Date or milliseconds/],
  [{ waitUntil: Number.NaN }, "set.waitUntil", /NaN given/],
  [{ waitUntil: new Date(-1e15) }, "set.waitUntil", /100 years/],
];

for (const [options, option, problem] of REFUSED) {
  test(`S7.1 ${JSON.stringify(options)} is refused as ${option}`, () => {
    assert.throws(
      () => due(options as DueOptions),
      (error) => {
        assert.ok(error instanceof InvalidOptionError);
        assert.equal(error.option, option);
        assert.match(error.message, problem);
        return true;
      },
    );
  });
}

test("S7.1 an instant may be the beginning of time", () => {
  assert.equal(checkInstant(0, "at"), 0);
});
