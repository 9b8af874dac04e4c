import assert from "node:assert/strict";
import { test } from "node:test";
import { attemptsOf, disorderOf, takeOverOf } from "../../examples/flights/attempt.ts";
import { ran } from "./flights.ts";

const NOBODY = new Map<string, number>();

test("attempts come in the order of their starts, each with the one before it", () => {
  const attempts = attemptsOf([...ran("C", "DTW", "0/5", 30, 40), ...ran("B", "DTW", "0/5", 10)]);
  assert.deepEqual(
    attempts.map(({ worker, start, end, changed }) => ({ worker, start, end, changed })),
    [
      { worker: "B", start: 10, end: undefined, changed: false },
      { worker: "C", start: 30, end: 40, changed: true },
    ],
  );
  assert.equal(attempts[0]!.previous, undefined);
  assert.equal(attempts[1]!.previous, attempts[0]);
});

test("attempts refuse an end without a start", () => {
  const [, end] = ran("A", "DTW", "0/5", 1, 2);
  assert.throws(() => attemptsOf([end!]), /worker A ended 0\/5 without having started it/);
});

test("order holds for jobs one after another, over workers and after a kill", () => {
  const events = [
    ...ran("A", "DTW", "0/1", 0, 10),
    ...ran("A", "HNL", "0/2", 5, 15),
    ...ran("B", "DTW", "0/3", 10, 20),
    ...ran("B", "DTW", "0/4", 20),
    ...ran("C", "DTW", "0/3", 40, 50),
    ...ran("C", "DTW", "0/4", 50, 60),
    ...ran("C", "DTW", "0/5", 60, 70),
  ];
  assert.deepEqual(disorderOf(attemptsOf(events), new Map([["B", 25]])), []);
});

test("order is broken by a later job that starts first", () => {
  const events = [...ran("A", "DTW", "0/3", 0, 10), ...ran("A", "DTW", "0/1", 10, 20)];
  assert.deepEqual(disorderOf(attemptsOf(events), NOBODY), ["DTW: 1 was started after 3"]);
});

test("order is broken by two jobs of a key at a time", () => {
  const events = [...ran("A", "DTW", "0/1", 0, 10), ...ran("B", "DTW", "0/2", 9, 20)];
  const problems = ["DTW: worker B started 2 while another job of it ran"];
  assert.deepEqual(disorderOf(attemptsOf(events), NOBODY), problems);
  const unended = [...ran("A", "DTW", "0/1", 0), ...ran("B", "DTW", "0/2", 9, 20)];
  assert.deepEqual(disorderOf(attemptsOf(unended), NOBODY), problems, "an attempt without an end runs on");
  assert.deepEqual(disorderOf(attemptsOf(unended), new Map([["A", 10]])), problems, "a kill ends it, not earlier");
  assert.deepEqual(disorderOf(attemptsOf(unended), new Map([["A", 8]])), []);
});

test("take-over is the first attempt of another worker where the killed one was", () => {
  const events = [
    ...ran("B", "DTW", "0/1", 0, 10),
    ...ran("A", "HNL", "1/1", 0, 10),
    ...ran("A", "HNL", "1/2", 30, 40),
    ...ran("C", "DTW", "0/2", 50, 60),
    ...ran("C", "DTW", "0/3", 60, 70),
  ];
  assert.equal(takeOverOf(attemptsOf(events), { worker: "B", at: 20 })?.start, 50);
  assert.equal(takeOverOf(attemptsOf(events), { worker: "D", at: 20 }), undefined);
});
