import assert from "node:assert/strict";
import { test } from "node:test";
import { LoadTurns } from "../../src/jobs/load-turns.ts";
import { sleep } from "../../src/net/clock.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

const NEVER = new AbortController().signal;

test("S8.10 so many loads read at once, the others in turn; one that fails gives its turn on", async () => {
  const time = new VirtualClock();
  const clock = time.instance();
  const turns = new LoadTurns(clock, 2);
  let [running, most] = [0, 0];
  const order: number[] = [];
  const load = (n: number) => async (): Promise<number> => {
    order.push(n);
    most = Math.max(most, ++running);
    await sleep(clock, 100);
    running--;
    if (n === 1) throw new Error("as planned");
    return n;
  };
  const all = Array.from({ length: 6 }, (_, n) => turns.run(10_000, NEVER, load(n)));
  const results = await time.run(Promise.allSettled(all));
  assert.deepEqual(
    results.map((result) => (result.status === "fulfilled" ? result.value : "failed")),
    [0, "failed", 2, 3, 4, 5],
  );
  assert.deepEqual([most, order], [2, [0, 1, 2, 3, 4, 5]]);
});

test("S8.10 one that hangs holds up no other for longer than its patience", async () => {
  const time = new VirtualClock();
  const clock = time.instance();
  const turns = new LoadTurns(clock, 1);
  void turns.run(1_000, NEVER, () => new Promise(() => {}));
  const began = time.elapsed;
  await time.run(turns.run(1_000, NEVER, async () => {}));
  assert.equal(time.elapsed - began, 1_000);
});

test("S8.10 one that is given up while it waits does not load, and takes no turn along", async () => {
  const time = new VirtualClock();
  const clock = time.instance();
  const turns = new LoadTurns(clock, 1);
  const stop = new AbortController();
  const first = turns.run(10_000, NEVER, () => sleep(clock, 500));
  let hasLoaded = false;
  const second = turns.run(10_000, stop.signal, async () => {
    hasLoaded = true;
  });
  const third = turns.run(10_000, NEVER, async () => time.elapsed);
  stop.abort();
  await assert.rejects(time.run(second), { name: "AbortError" });
  await time.run(first);
  assert.equal(await time.run(third), 500);
  assert.equal(hasLoaded, false);
});
