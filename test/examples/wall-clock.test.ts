import assert from "node:assert/strict";
import { test } from "node:test";
import { now, wallClock } from "../../examples/flights/wall-clock.ts";

const START = 1_800_000_000_123.7;

/** A machine's two clocks, where each reading takes a little, and some are interrupted for long. */
function clocks(interrupted: (reading: number) => boolean): {
  date: () => number;
  monotonic: () => number;
  true: () => number;
} {
  let [passed, readings] = [0, 0];
  const read = (): void => {
    passed += interrupted(readings++) ? 17.3 : 0.003;
  };
  return {
    date: () => {
      read();
      return Math.floor(START + passed);
    },
    monotonic: () => {
      read();
      return 5_000.25 + passed;
    },
    true: () => START + passed,
  };
}

test("the time is that of the machine though the process is interrupted while it looks", () => {
  const cases: readonly ((reading: number) => boolean)[] = [
    () => false,
    (n) => n % 7 === 0,
    (n) => n === 1,
    (n) => n < 40 && n % 2 === 1,
    // Two thirds of a millisecond at a time: it is interrupted as most milliseconds change.
    (n) => n % 211 === 0,
    (n) => n % 97 < 2,
  ];
  for (const interrupted of cases) {
    let isOver = false;
    const machine = clocks((n) => !isOver && interrupted(n));
    const clock = wallClock(machine.date, machine.monotonic);
    isOver = true;
    assert.ok(Math.abs(clock() - machine.true()) < 0.05, `${clock() - machine.true()} ms`);
  }
});

test("the time never goes back, and has fractions", () => {
  const times = Array.from({ length: 1_000 }, now);
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  );
  assert.ok(times.some((time) => !Number.isInteger(time)));
});
