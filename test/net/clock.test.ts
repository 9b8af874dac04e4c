import assert from "node:assert/strict";
import { test } from "node:test";
import { nextTurn, sleep, systemClock, uuidv7 } from "../../src/net/clock.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

/** Resolves when a timer of the machine has fired. */
function timer(ms: number): Promise<void> {
  return new Promise((resolve) => void systemClock.timer(ms, resolve));
}

test("a timer beyond what the runtime can count does not fire at once", async () => {
  let fired = false;
  const long = systemClock.timer(0x7fff_ffff + 1_000, () => {
    fired = true;
  });
  await timer(5);
  assert.equal(fired, false);
  long.cancel();
  long.cancel();
});

test("a timer fires no earlier than it says, by the monotonic clock", async () => {
  const start = systemClock.monotonic();
  await timer(3.7);
  assert.ok(systemClock.monotonic() - start >= 3.7);
});

test("a timer that was cancelled does not fire, and one of no or negative time does", async () => {
  let fired = 0;
  const timers = [0, -5, 1].map((ms) => systemClock.timer(ms, () => (fired += 1)));
  timers[2]!.cancel();
  await timer(5);
  assert.equal(fired, 2);
});

test("soon runs calls in order, after the microtasks of the task", async () => {
  const ran: number[] = [];
  systemClock.soon(() => ran.push(2));
  systemClock.soon(() => ran.push(3));
  void Promise.resolve().then(() => ran.push(1));
  await nextTurn();
  await nextTurn();
  assert.deepEqual(ran, [1, 2, 3]);
});

test("sleep ends with its time, or with its signal, and leaves no timer and no listener behind", async () => {
  const time = new VirtualClock();
  const clock = time.instance();
  await time.run(sleep(clock, 500));
  assert.equal(time.elapsed, 500);
  const abort = new AbortController();
  const sleeping = sleep(clock, 60_000, abort.signal);
  abort.abort();
  await sleeping;
  await sleep(clock, 60_000, abort.signal);
  assert.equal(time.elapsed, 500, "an abort is not waited for");
  let listeners = 0;
  const signal = new AbortController().signal;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners += 1;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners -= 1;
    removeEventListener.apply(signal, args);
  };
  await time.run(sleep(clock, 10, signal));
  assert.equal(listeners, 0);
});

test("uuidv7 sorts by the time it was made, and is of version 7", async () => {
  const time = new VirtualClock(7);
  const clock = time.instance();
  const made: string[] = [];
  for (let i = 0; i < 50; i++) {
    made.push(uuidv7(clock));
    await time.advance(1 + i * i * 1_000);
  }
  assert.deepEqual([...made].sort(), made);
  for (const id of made) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(Number.parseInt(made[0]!.slice(0, 13).replace("-", ""), 16), 1_800_000_000_000);
});

test("uuidv7 gives a thousand of one millisecond in their order, whichever of two clocks makes them, and none twice", () => {
  const time = new VirtualClock(7);
  const [one, other] = [time.instance(), time.instance()];
  const made = Array.from({ length: 1_000 }, () => uuidv7(one));
  assert.deepEqual([...made].sort(), made);
  const mixed = Array.from({ length: 1_000 }, (_, i) => uuidv7(i % 2 === 0 ? one : other));
  assert.equal(new Set([...made, ...mixed]).size, 2_000);
});

test("uuidv7 begins another series where the last one has come to its end", () => {
  let asked = 0;
  const uuids = ["00000000-0000-4000-8000-0000fffffffe", "00000000-0000-4000-9000-000000000001"];
  const clock = { ...systemClock, now: () => 1_800_000_000_000, uuid: () => uuids[asked++]! };
  const made = Array.from({ length: 4 }, () => uuidv7(clock));
  assert.deepEqual(
    made.map((id) => id.slice(19)),
    ["8000-0000fffffffe", "8000-0000ffffffff", "9000-000000000001", "9000-000000000002"],
  );
});

test("the machine's clock gives fresh ids and chances within bounds", () => {
  assert.notEqual(systemClock.uuid(), systemClock.uuid());
  for (let i = 0; i < 100; i++) {
    const chance = systemClock.random();
    assert.ok(chance >= 0 && chance < 1);
  }
  assert.ok(Math.abs(systemClock.now() - Date.now()) < 60_000);
});
