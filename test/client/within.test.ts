import assert from "node:assert/strict";
import { test } from "node:test";
import { within } from "../../src/client/within.ts";
import { sleep } from "../../src/net/clock.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

test("work that ends in time gives its value or its error, and no timer is left", async () => {
  const time = new VirtualClock();
  const clock = time.instance();
  const work = sleep(clock, 50).then(() => "done");
  assert.equal(await time.run(within(clock, 100, work, () => "late")), "done");
  await assert.rejects(
    within(clock, 100, Promise.reject(new TypeError("bad")), () => {}),
    TypeError,
  );
  assert.equal(time.elapsed, 50);
});

test("work that is late gives what is given for it, and what becomes of it is nobody's concern", async () => {
  const time = new VirtualClock();
  const clock = time.instance();
  const fails = sleep(clock, 500).then(() => Promise.reject(new Error("unheard")));
  assert.equal(await time.run(within(clock, 100, fails, () => "late")), "late");
  assert.equal(time.elapsed, 100);
  const thrown = within(clock, 10, new Promise<string>(() => {}), () => {
    throw new RangeError("too late");
  });
  await assert.rejects(time.run(thrown), RangeError);
  await time.advance(1_000);
});

test("a signal ends the wait, be it aborted before or meanwhile", async () => {
  const time = new VirtualClock();
  const clock = time.instance();
  const abort = new AbortController();
  const waiting = within(clock, 10_000, new Promise<string>(() => {}), () => "late", abort.signal);
  abort.abort();
  assert.equal(await waiting, "late");
  assert.equal(await within(clock, 10_000, new Promise<string>(() => {}), () => "late", abort.signal), "late");
  assert.equal(time.elapsed, 0);
});
