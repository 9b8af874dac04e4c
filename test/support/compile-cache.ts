import process from "node:process";
import { fileURLToPath } from "node:url";

/*
 * `npm test` has Node load this first. Each test file is a process, and starts others: without it, each of them strips
 * the types from the sources and compiles them anew, which takes longer than most tests.
 */
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL("../../node_modules/.cache/compiled", import.meta.url));
