import assert from "node:assert/strict";
import { test } from "node:test";
import { JobSlots, type SlotUser } from "../../src/jobs/job-slots.ts";

test("S3.4 slots are given in the order in which they were asked for", () => {
  const slots = new JobSlots(2);
  const served: string[] = [];
  const user = (name: string): SlotUser => {
    const self: SlotUser = { slotFree: () => void (slots.take(self) && served.push(name)) };
    return self;
  };
  const [a, b, c, d] = [user("a"), user("b"), user("c"), user("d")];
  assert.ok(slots.take(a) && slots.take(b));
  for (const each of [c, d, c]) assert.equal(slots.take(each), false);
  slots.release();
  assert.deepEqual(served, ["c"]);
  assert.equal(slots.free, 0);
  slots.forget(d);
  slots.release();
  assert.deepEqual(served, ["c"], "who gave up is passed over");
  assert.equal(slots.free, 1);
});

test("S3.4 a slot that whoever is asked does not want goes to the next", () => {
  const slots = new JobSlots(1);
  const served: string[] = [];
  const last: SlotUser = { slotFree: () => void (slots.take(last) && served.push("last")) };
  const first: SlotUser = { slotFree: () => {} };
  assert.ok(slots.take(first));
  assert.equal(slots.take(first), false);
  assert.equal(slots.take(last), false);
  slots.release();
  assert.deepEqual(served, ["last"]);
});

test("S4.8 whoever has all slots may ask again, and gives them back if it starts nothing", () => {
  const slots = new JobSlots(2);
  const served: string[] = [];
  const alone: SlotUser = { slotFree: () => {} };
  const other: SlotUser = { slotFree: () => void (slots.take(other) && served.push("other")) };
  assert.ok(slots.take(alone, true) && slots.take(alone, true));
  assert.equal(slots.take(other), false);
  slots.forget(alone);
  assert.deepEqual(served, ["other"]);
  slots.forget(alone);
  assert.equal(slots.free, 1, "only once");
});
