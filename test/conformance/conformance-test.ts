import { test } from "node:test";
import { within } from "../../src/client/within.ts";
import { systemClock } from "../../src/net/clock.ts";
import { type Target, TestCluster } from "./target.ts";

/** Nothing here takes nearly as long, except where something hangs. */
const TIMEOUT = 60_000;
const TIME_TO_TELL = 5_000;

/** Declares one test of a suite, on a cluster of its own. */
export type Declare = (name: string, run: (cluster: TestCluster) => Promise<void>) => void;

/** What tests of `target` are declared with. `timeout`: for those that wait for what a broker does in its own time, in ms. */
export function conformanceTest(target: Target, timeout: number = TIMEOUT): Declare {
  return (name, run) => {
    test(`${name} (${target.name})`, { timeout }, async (t) => {
      const cluster = await target.open(t);
      const patience = timeout - TIME_TO_TELL;
      // What hangs says how things are while it can.
      await within(systemClock, patience, run(cluster), () => {
        throw new Error(`not done after ${patience} ms: ${cluster.situation()}`);
      });
    });
  };
}

export { TestCluster };
