import type { JobSpec } from "./command.ts";
import type { Shape } from "./shape.ts";
import type { Script } from "./simulate.ts";

const SHAPE: Shape = {
  ...{ protocols: ["classic"], isStatic: false, lanes: undefined, isJudged: false, whenExhausted: "block" },
  ...{ commitInterval: 0, latency: 0, isTicking: false, fetchWait: 500, requestTimeout: 5_000, workers: 0 },
};
const SPEC: JobSpec = {
  ...{ queue: "jobs", takes: 0, fails: 0, hasRule: false, isDiscarded: false, steps: [], handsOver: false },
};

/** The smallest scripts that showed bugs which seeds had found, by what was wrong. */
export const REGRESSIONS: Readonly<Record<string, Script>> = {
  "S4.5 a redriven job that had waited for its time went to its schedule topic": {
    chance: 0,
    shape: { ...SHAPE, whenExhausted: "skip" },
    commands: [
      { do: "schedule", keys: [2], spec: { ...SPEC, fails: null }, wait: 1 },
      { do: "start" },
      { do: "advance", ms: 6_000 },
      { do: "redrive" },
    ],
  },
  "S7.4 a scheduler that did not know of new partitions yet gave up what was due there": {
    chance: 0,
    shape: SHAPE,
    commands: [
      { do: "start" },
      { do: "advance", ms: 1_000 },
      { do: "grow" },
      { do: "grow" },
      { do: "schedule", keys: [2], spec: SPEC, wait: 1 },
    ],
  },
  "S4.6 S4.8 a job that was to be parked as others waited for a job to run alone was parked twice": {
    chance: 0,
    shape: { ...SHAPE, lanes: 4, whenExhausted: "park", workers: 1 },
    commands: [
      { do: "schedule", keys: [2, 2], spec: { ...SPEC, takes: 9000, fails: 2 }, wait: 50 },
      { do: "advance", ms: 1296 },
      { do: "strike", blow: "strand", who: 0, events: 94, ms: 15498 },
      { do: "advance", ms: 6952 },
      { do: "enqueue", how: "each", keys: [3, 3, 5, 5, 3], spec: { ...SPEC, fails: 2 } },
      { do: "roll" },
      { do: "enqueue", how: "each", keys: [6, 0, 1], spec: { ...SPEC, takes: 9000, hasRule: true, handsOver: true } },
      { do: "advance", ms: 5793 },
      { do: "close", who: 0 },
      {
        do: "enqueue",
        how: "each",
        keys: [5, 5, 5, 4, 6],
        spec: { ...SPEC, takes: 30, fails: 1, hasRule: true, isDiscarded: true, handsOver: true },
      },
    ],
  },
  "S6.3 a static worker closed before it had joined again without what it had let go, and nobody got that": {
    chance: 1_423_963_218,
    shape: { ...SHAPE, isStatic: true, whenExhausted: "skip", commitInterval: 1_000, latency: 5 },
    commands: [
      { do: "schedule", keys: [6], spec: { ...SPEC, queue: "loose", takes: 3_000, hasRule: true }, wait: 50 },
      { do: "advance", ms: 3_749 },
      { do: "start" },
      { do: "grow" },
      { do: "sicken", node: 3, ms: 13_957 },
      { do: "roll" },
    ],
  },
};
