import assert from "node:assert/strict";
import { test } from "node:test";
import { type NumberBounds, numberOption } from "./number-option.ts";

test("a number of the command line is read as it stands there", () => {
  assert.equal(numberOption("n", undefined, "none"), "none");
  for (const [text, value] of [
    ["0", 0],
    ["7", 7],
    ["0.5", 0.5],
    [".5", 0.5],
    ["12.", 12],
  ] as const)
    assert.equal(numberOption("n", text, undefined), value);
});

test("what is no number, or none that is wanted, is refused by name", () => {
  const refused: readonly (readonly [string, NumberBounds, string])[] = [
    ...["", " ", "x", "-1", "1e3", "0x1", "Infinity", "NaN", "1 2", "9".repeat(400)].map(
      (text) => [text, {}, "a number from 0 on"] as const,
    ),
    ["0", { isPositive: true }, "a number above 0"],
    ["1.5", { isWhole: true }, "a whole number from 0 on"],
    ["1", { least: 2, most: 6 }, "a number from 2 to 6"],
    ["7", { least: 2, most: 6, isWhole: true }, "a whole number from 2 to 6"],
  ];
  for (const [text, bounds, wanted] of refused)
    assert.throws(() => numberOption("n", text, 0, bounds), {
      name: "RangeError",
      message: `--n ${text}: ${wanted} is wanted`,
    });
});
