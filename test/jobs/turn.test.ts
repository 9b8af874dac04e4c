import assert from "node:assert/strict";
import { test } from "node:test";
import { JobSlots } from "../../src/jobs/job-slots.ts";
import type { SlotUser } from "../../src/jobs/queue-share.ts";
import { Turn } from "../../src/jobs/turn.ts";
import { type Clock, systemClock } from "../../src/net/clock.ts";

/** A turn whose users note by name that they were told to ask again; time and the event loop move when they are told. */
function scene() {
  let now = 1_000;
  const loop: (() => void)[] = [];
  const clock: Clock = { ...systemClock, monotonic: () => now, soon: (run) => void loop.push(run) };
  const slots = new JobSlots(10, () => ({ concurrency: Number.POSITIVE_INFINITY, weight: 1 }));
  const turn = new Turn(clock, slots);
  const told: string[] = [];
  const user = (name: string): SlotUser => ({ share: slots.share("q"), slotFree: () => void told.push(name) });
  return {
    ...{ turn, told, user },
    isOver: (one: SlotUser) => turn.isOver(one, now),
    pass: (ms: number) => {
      now += ms;
    },
    goRound: () => {
      for (const run of loop.splice(0)) run();
    },
  };
}

test("after 10 ms of jobs the event loop has its turn, and then all that waited go on", () => {
  const { isOver, told, user, pass, goRound } = scene();
  const [a, b] = [user("a"), user("b")];
  assert.equal(isOver(a), true, "nobody knows how long something else has run");
  goRound();
  assert.deepEqual(told, ["a"]);
  assert.equal(isOver(a), false);
  pass(9);
  assert.equal(isOver(b), false);
  pass(1);
  assert.deepEqual([isOver(b), isOver(a)], [true, true]);
  goRound();
  assert.deepEqual(told, ["a", "b", "a"]);
});

test("what comes from outside shows that the event loop has had its turn", () => {
  const { turn, isOver, told, user, pass, goRound } = scene();
  const a = user("a");
  assert.equal(isOver(a), true);
  turn.came();
  assert.deepEqual([told, isOver(a)], [["a"], false], "it is not waited for again");
  pass(5);
  goRound();
  turn.came();
  assert.deepEqual(told, ["a"], "and nobody is told twice");
  pass(5);
  assert.equal(isOver(a), true, "nor is a turn made longer by it");
});
