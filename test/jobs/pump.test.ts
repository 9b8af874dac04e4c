import assert from "node:assert/strict";
import { test } from "node:test";
import { Pump } from "../../src/jobs/pump.ts";

test("what is asked for in the midst of the work is done after it, once, and never within it", () => {
  const log: string[] = [];
  const pump = new Pump(() => {
    log.push("begin");
    if (log.length < 4) {
      pump.run();
      pump.run();
    }
    log.push("end");
  });
  pump.run();
  assert.deepEqual(log, ["begin", "end", "begin", "end", "begin", "end"]);
});

test("work that throws can be done again", () => {
  let fails = true;
  let done = 0;
  const pump = new Pump(() => {
    if (fails) throw new Error("no");
    done++;
  });
  assert.throws(() => pump.run(), /no/);
  fails = false;
  pump.run();
  assert.equal(done, 1);
});
