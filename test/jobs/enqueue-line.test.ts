import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EnqueueLine } from "../../src/jobs/enqueue-line.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

interface Gate {
  readonly opened: Promise<void>;
  open(): void;
  fail(error: Error): void;
}

function gate(): Gate {
  let open!: () => void;
  let fail!: (error: Error) => void;
  const opened = new Promise<void>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { opened, open, fail };
}

function bench(timeout = 1_000): {
  time: VirtualClock;
  log: string[];
  line: EnqueueLine;
  join(name: string, gate?: Gate): void;
} {
  const time = new VirtualClock();
  const log: string[] = [];
  const line = new EnqueueLine(time.instance(), timeout, () => new Error("late"));
  const join = (name: string, each?: Gate): void =>
    line.join(
      each?.opened,
      () => void log.push(name),
      (error) => void log.push(`${name}: ${(error as Error).message}`),
    );
  return { time, log, line, join };
}

test("S2.3 places are sent in the order of the calls, however long each takes to prepare", async () => {
  const { time, log, line, join } = bench();
  const [a, c] = [gate(), gate()];
  join("a", a);
  join("b");
  join("c", c);
  join("d");
  c.open();
  await time.advance(0);
  assert.deepEqual(log, []);
  a.open();
  await time.advance(0);
  assert.deepEqual(log, ["a", "b", "c", "d"]);
  assert.ok(line.isEmpty);
});

test("S2.3 a place that fails is rejected at once and passed over", async () => {
  const { time, log, join } = bench();
  const [a, b] = [gate(), gate()];
  join("a", a);
  join("b", b);
  join("c");
  b.fail(new Error("refused"));
  await time.advance(0);
  assert.deepEqual(log, ["b: refused"]);
  a.open();
  await time.advance(0);
  assert.deepEqual(log, ["b: refused", "a", "c"]);
});

test("S2.3 a place that is as old as the delivery timeout is rejected and passed over, and never sent", async () => {
  const { time, log, line, join } = bench(1_000);
  const [a, b] = [gate(), gate()];
  join("a", a);
  await time.advance(400);
  join("b", b);
  join("c");
  await time.advance(599);
  assert.deepEqual(log, []);
  await time.advance(1);
  assert.deepEqual(log, ["a: late"]);
  await time.advance(400);
  assert.deepEqual(log, ["a: late", "b: late", "c"]);
  a.open();
  b.fail(new Error("refused"));
  await time.advance(10_000);
  assert.deepEqual(log, ["a: late", "b: late", "c"]);
  assert.ok(line.isEmpty);
});

test("S2.3 every place is sent in order or rejected, whatever the preparations do", async () => {
  const fate = fc.constantFrom("now", "later", "fail", "never");
  const calls = fc.array(fc.record({ fate, at: fc.nat({ max: 1_500 }) }), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(calls, async (places) => {
      const { time, log, line, join } = bench(1_000);
      const clock = time.instance();
      for (const [i, place] of places.entries()) {
        const each = place.fate === "now" ? undefined : gate();
        join(String(i), each);
        if (each !== undefined && place.fate !== "never") {
          clock.timer(place.at, () => (place.fate === "fail" ? each.fail(new Error("refused")) : each.open()));
        }
      }
      await time.advance(2_000);
      assert.ok(line.isEmpty);
      assert.equal(log.length, places.length);
      const sent = log.filter((entry) => !entry.includes(":")).map(Number);
      assert.deepEqual(
        sent,
        [...sent].sort((x, y) => x - y),
      );
      places.forEach((place, i) => {
        const wanted = place.fate === "now" || (place.fate === "later" && place.at < 1_000);
        if (place.at !== 1_000) assert.equal(sent.includes(i), wanted, `${i}: ${place.fate} at ${place.at}`);
      });
    }),
    { numRuns: 60 },
  );
});
