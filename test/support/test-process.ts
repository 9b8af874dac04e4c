import asyncHooks, { type AsyncHook } from "node:async_hooks";
import process from "node:process";

/*
 * `test/main.ts` has each process of tests on Node load this first.
 *
 * Node's test runner follows each promise to the test that it came from, for one purpose: to name the test whose stray
 * error it is. Tests that play hours of workers make millions of promises, and take twice as long for it. Without, a stray
 * error still fails its process, and says where it comes from; run with plain `node --test`, the file says which test it
 * is of.
 */
const { createHook } = asyncHooks;
const none: AsyncHook = { enable: () => none, disable: () => none };
asyncHooks.createHook = () => none;
// The runner takes the function as it is loaded.
const { after } = await import("node:test");
asyncHooks.createHook = createHook;

const tell = (error: unknown): void => {
  console.error("A stray error:", error);
  process.exitCode = 1;
};
process.on("uncaughtException", tell);
process.on("unhandledRejection", tell);

// A test that ends its process would take all files behind it along. (The process that starts the others has no tests.)
if (process.env.NODE_TEST_CONTEXT !== undefined) {
  let isOver = false;
  after(() => {
    isOver = true;
  });
  process.on("exit", () => {
    if (isOver) return;
    console.error("The process was ended before its last test");
    process.exitCode = 1;
  });
}
