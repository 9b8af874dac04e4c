/**
 * Tests of jobs: `testApp` gives an app a broker in memory, workers, and a clock that only moves when told. Beside it
 * are the parts, with which a whole cluster runs in one process, from one seed.
 *
 * @module
 */
export { type MemoryLink, MemoryNetwork, type MemoryTransport } from "../net/memory.ts";
export type { CrashPoint, PlannedCrash } from "./crash-plan.ts";
export { JobsStillRunningError, TestClosedError, TestStuckError } from "./errors.ts";
export type { SeenJob, SeenRun } from "./job-log.ts";
export type { Match } from "./match.ts";
export { type TestApp, testApp } from "./test-app.ts";
export type { TestOptions } from "./test-options.ts";
export { type InstanceClock, VirtualClock, VirtualDeadlockError } from "./virtual-clock.ts";
