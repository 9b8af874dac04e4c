import type { Logger } from "../../src/jobs/logger.ts";

/** Says nothing. */
export const QUIET: Logger = { debug() {}, info() {}, warn() {}, error() {} };
