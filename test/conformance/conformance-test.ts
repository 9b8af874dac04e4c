import { test } from "node:test";
import { type Target, TestCluster } from "./target.ts";

/** Nothing here takes nearly as long, except where something hangs. */
const TIMEOUT = 60_000;

/** Declares one test of a suite, on a cluster of its own. */
export type Declare = (name: string, run: (cluster: TestCluster) => Promise<void>) => void;

/** What tests of `target` are declared with. `timeout`: for those that wait for what a broker does in its own time, in ms. */
export function conformanceTest(target: Target, timeout: number = TIMEOUT): Declare {
  return (name, run) => {
    test(`${name} (${target.name})`, { timeout }, async (t) => run(await target.open(t)));
  };
}

export { TestCluster };
