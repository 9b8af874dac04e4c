import asyncHooks, { type AsyncHook } from "node:async_hooks";

/*
 * `npm test` has Node load this first. Node's test runner follows each promise to the test that it came from, for one
 * purpose: to name the test whose stray error it is. Tests that play hours of workers make millions of promises, and take
 * twice as long for it. Without, a stray error still fails its file, and is told; run with plain `node --test`, the file
 * says which test it is of.
 */
const { createHook } = asyncHooks;
const none: AsyncHook = { enable: () => none, disable: () => none };
asyncHooks.createHook = () => none;
// The runner takes the function as it is loaded.
await import("node:test");
asyncHooks.createHook = createHook;
