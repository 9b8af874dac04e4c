import assert from "node:assert/strict";
import { test } from "node:test";
import { firstToSucceed } from "../../src/client/first-to-succeed.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

/** What each item does: after how many ms it succeeds, or fails, or never ends. */
type Plan = Readonly<Record<string, number | { readonly failsAfter: number; readonly final?: boolean } | "hangs">>;

function start(plan: Plan) {
  const time = new VirtualClock();
  const clock = time.instance();
  const begun: [string, number][] = [];
  const attempt = (item: string): Promise<string> => {
    begun.push([item, time.elapsed]);
    const fate = plan[item]!;
    return new Promise((resolve, reject) => {
      if (typeof fate === "number") clock.timer(fate, () => resolve(item));
      else if (fate !== "hangs")
        clock.timer(fate.failsAfter, () => reject(new Error(`${item}${fate.final ? " final" : ""}`)));
    });
  };
  const isFinal = (error: unknown): boolean => (error as Error).message.endsWith("final");
  const none = (failures: readonly { item: string }[]) =>
    new Error(`none of ${failures.map(({ item }) => item).join()}`);
  const result = firstToSucceed(clock, Object.keys(plan), 500, attempt, isFinal, none);
  return { time, begun, result };
}

test("one that succeeds in time is the only one tried", async () => {
  const { time, begun, result } = start({ a: 499, b: 0 });
  assert.equal(await time.run(result), "a");
  await time.advance(10_000);
  assert.deepEqual(begun, [["a", 0]]);
});

test("ones that hang cost half a second each, and ones that fail nothing", async () => {
  const { time, begun, result } = start({ a: "hangs", b: { failsAfter: 10 }, c: "hangs", d: 5 });
  assert.equal(await time.run(result), "d");
  assert.deepEqual(begun, [
    ["a", 0],
    ["b", 500],
    ["c", 510],
    ["d", 1_010],
  ]);
});

test("one that is only slow may still be the first", async () => {
  const { time, result } = start({ a: 700, b: 5_000 });
  assert.equal(await time.run(result), "a");
  assert.equal(time.elapsed, 700);
});

test("all failures are told together, whatever their order; what is final is told at once", async () => {
  const all = start({ a: { failsAfter: 800 }, b: { failsAfter: 1 } });
  await assert.rejects(all.time.run(all.result), /none of b,a/);
  const final = start({ a: "hangs", b: { failsAfter: 1, final: true }, c: 1 });
  await assert.rejects(final.time.run(final.result), /b final/);
  await assert.rejects(start({}).result, /none of/);
});
