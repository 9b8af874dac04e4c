import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { attemptsOf } from "../../examples/flights/attempt.ts";
import { picture } from "../../examples/flights/picture.ts";
import { captured, ran } from "./flights.ts";

/** 40 columns: 14 for the label, 1 of margin, 25 for 2.5 seconds. */
const narrow = captured({}, { columns: 40 }).terminal;
const attempts = attemptsOf([
  ...ran("A", "DTW", "0/0", 0, 50),
  ...ran("A", "DTW", "0/1", 100, 150),
  ...ran("A", "DTW", "0/2", 2450, 2500),
  ...ran("B", "HNL", "1/0", 200, 250),
  ...ran("B", "HNL", "1/1", 310),
  ...ran("C", "HNL", "1/1", 1010, 1050),
  ...ran("C", "HNL", "1/2", 1060, 1090),
  ...ran("C", "HNL", "1/3", 1110, 1150),
]);

test("picture shows who ran which partition when, what waited and what ran again", () => {
  const marks = [
    { worker: "B", at: 400, text: "B killed" },
    { worker: "C", at: 2400, text: "C takes over" },
  ];
  assert.deepEqual(picture(attempts, 3, marks, narrow), [
    "                  ▼ B killed",
    "                         C takes over ▼",
    "partition  0  AA······················A",
    "partition  1  ··BB······cC",
    "partition  2  ",
    "              0 s       1 s       2 s",
  ]);
});

test("picture fits the width, and is the same in colours", () => {
  for (const columns of [20, 80, 300]) {
    const { terminal } = captured({}, { columns });
    const lines = picture(attempts, 2, [{ worker: "B", at: 2500, text: "B killed" }], terminal);
    assert.ok(
      lines.every((line) => line.length < terminal.width),
      lines.join("\n"),
    );
    const live = captured({}, { columns, isTTY: true }).terminal;
    const coloured = picture(attempts, 2, [{ worker: "B", at: 2500, text: "B killed" }], live);
    assert.notDeepEqual(coloured, lines);
    assert.deepEqual(coloured.map(stripVTControlCharacters), lines);
  }
});

test("picture of a single moment is drawn", () => {
  const lines = picture(attemptsOf(ran("A", "DTW", "0/0", 5)), 1, [], narrow);
  assert.equal(lines[0], "partition  0  A");
});
