import assert from "node:assert/strict";
import { test } from "node:test";
import { Crew } from "../../examples/flights/crew.ts";

const run = { name: "q", brokers: ["no port"], partitions: 1, states: "", logs: "", work: 1, sessionTimeout: 6000 };

test("crew says which worker did not start, and what it complained of", { timeout: 60_000 }, async () => {
  const crew = new Crew(run);
  await assert.rejects(crew.start("B"), (error: Error) => {
    assert.match(error.message, /^worker B ended before it was ready \(exit code 1\)\n/);
    assert.match(error.message, /^ {2}B: .*"no port"/m);
    return true;
  });
  await crew[Symbol.asyncDispose]();
});
