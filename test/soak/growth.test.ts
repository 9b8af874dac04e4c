import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type GrowthRule, type Point, trendOf } from "./growth.ts";

const RISE: GrowthRule = { bad: "rise", tolerance: 0.1, floor: 2 };
const FALL: GrowthRule = { ...RISE, bad: "fall" };
const LENGTH = 400;

/** From -1 to 1, the same at every run. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** A sample each 5 s; `value` gets how much of the run is over, from 0 to 1, and which sample it is. */
function series(value: (part: number, i: number) => number): Point[] {
  return Array.from({ length: LENGTH }, (_, i) => ({ at: i * 5_000, value: value(i / LENGTH, i) }));
}

const isBad = (points: readonly Point[], rule = RISE): boolean => trendOf(points, rule)!.isBad;

describe("growth of a measure over a run", () => {
  test("a level with noise is none, whatever the noise", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const next = noise(seed);
      const points = series(() => 100 + 40 * next());
      assert.ok(!isBad(points) && !isBad(points, FALL), `seed ${seed}`);
    }
  });

  test("a level that wanders within the tolerance is none", () => {
    for (let seed = 1; seed <= 100; seed++) {
      const next = noise(seed);
      let level = 100;
      const points = series(() => {
        level = Math.min(104, Math.max(96, level + next()));
        return level;
      });
      assert.ok(!isBad(points) && !isBad(points, FALL), `seed ${seed}`);
    }
  });

  test("the saw of a garbage collector is none, be its teeth short or long", () => {
    for (const tooth of [3, 7, 20, 45])
      assert.ok(!isBad(series((_, i) => 60 + (60 * (i % tooth)) / tooth)), `${tooth}`);
  });

  test("steps of the warm-up are none", () => {
    assert.ok(!isBad(series((part) => (part < 0.1 ? 30 : part < 0.24 ? 70 : 100))));
    assert.ok(
      !isBad(
        series((part) => (part < 0.2 ? 500 : 100)),
        FALL,
      ),
    );
  });

  test("one peak, or one fall, is none", () => {
    assert.ok(!isBad(series((part) => (part > 0.6 && part < 0.65 ? 900 : 100))));
    assert.ok(
      !isBad(
        series((part) => (part > 0.6 && part < 0.65 ? 0 : 100)),
        FALL,
      ),
    );
  });

  test("a slow leak is found under noise, and under the saw: a fifth of the level in a run", () => {
    for (let seed = 1; seed <= 100; seed++) {
      const next = noise(seed);
      assert.ok(isBad(series((part) => 100 + 27 * part + 10 * next())), `seed ${seed}`);
    }
    for (const tooth of [3, 7, 20]) assert.ok(isBad(series((part, i) => 60 + 40 * part + (30 * (i % tooth)) / tooth)));
  });

  test("a leak that comes in steps is found", () => {
    assert.ok(isBad(series((part) => 100 + 8 * Math.floor(part * 10))));
  });

  test("throughput that decays is found, and one that rises is not", () => {
    const next = noise(1);
    const decaying = series((part) => 150 * (1 - 0.25 * part) + 20 * next());
    assert.ok(isBad(decaying, FALL));
    assert.ok(!isBad(decaying, RISE));
  });

  test("a small number may double below its floor", () => {
    assert.ok(!isBad(series((part) => 1 + part)));
    assert.ok(isBad(series((part) => 1 + 4 * part)));
  });

  test("the change is in the measure's own unit, for the run after its warm-up", () => {
    const { level, change, steadiness } = trendOf(
      series((part) => 100 + 100 * part),
      RISE,
    )!;
    assert.ok(Math.abs(level - 132) < 3, String(level));
    assert.ok(Math.abs(change - 71) < 3, String(change));
    assert.equal(steadiness, 1);
  });

  test("too few samples are not judged", () => {
    assert.equal(trendOf(series(() => 1).slice(0, 9), RISE), undefined);
    assert.notEqual(trendOf(series(() => 1).slice(0, 12), RISE), undefined);
  });
});
