import type { JobSpec } from "./command.ts";
import type { Shape } from "./shape.ts";
import type { Script } from "./simulate.ts";

const SHAPE: Shape = {
  ...{ protocols: ["classic"], isStatic: false, lanes: undefined, isJudged: false, whenExhausted: "block" },
  ...{ commitInterval: 0, latency: 0, workers: 0 },
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
};
