/**
 * The command line of Ottla, to be called from a program: `await run(["worker", "worker.ts"], processIo())`.
 *
 * @module
 */
export type { CliIo, CliOutput, StopSignal } from "./io.ts";
export { processIo } from "./process-io.ts";
export { run } from "./run.ts";
