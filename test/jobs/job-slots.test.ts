import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { JobSlots } from "../../src/jobs/job-slots.ts";
import type { SlotUser } from "../../src/jobs/queue-share.ts";

interface Setting {
  readonly concurrency: number;
  readonly weight: number;
}

const UNLIMITED: Setting = { concurrency: Number.POSITIVE_INFINITY, weight: 1 };

/** Slots whose users note by name who of them got one. */
function scene(size: number, settings: Readonly<Record<string, Setting>> = {}) {
  const slots = new JobSlots(size, (queue) => settings[queue] ?? UNLIMITED);
  const served: string[] = [];
  const user = (name: string, queue = "q", alone = false): SlotUser => {
    const self: SlotUser = {
      share: slots.share(queue),
      slotFree: () => void (slots.take(self, alone) && served.push(name)),
    };
    return self;
  };
  return { slots, served, user };
}

test("S3.4 slots are given in the order in which they were asked for", () => {
  const { slots, served, user } = scene(2);
  const [a, b, c, d] = [user("a"), user("b"), user("c"), user("d")];
  assert.ok(slots.take(a) && slots.take(b));
  for (const each of [c, d, c]) assert.equal(slots.take(each), false);
  slots.release(a.share);
  assert.deepEqual(served, ["c"]);
  assert.equal(slots.free, 0);
  slots.forget(d);
  slots.release(b.share);
  assert.deepEqual(served, ["c"], "who gave up is passed over");
  assert.equal(slots.free, 1);
});

test("S3.4 a slot that whoever is asked does not want goes to the next", () => {
  const { slots, served, user } = scene(1);
  const first: SlotUser = { share: slots.share("q"), slotFree: () => {} };
  const last = user("last");
  assert.ok(slots.take(first));
  assert.equal(slots.take(first), false);
  assert.equal(slots.take(last), false);
  slots.release(first.share);
  assert.deepEqual(served, ["last"]);
});

test("S4.8 whoever has all slots may ask again, and gives them back if it starts nothing", () => {
  const { slots, served, user } = scene(2);
  const [alone, other] = [user("alone", "q", true), user("other")];
  assert.ok(slots.take(alone, true) && slots.take(alone, true));
  assert.equal(slots.take(other), false);
  slots.giveBack(alone);
  assert.deepEqual(served, ["other"]);
  slots.giveBack(alone);
  assert.equal(slots.free, 1, "only once");
});

test("S3.12 a queue at its limit waits for its own, and keeps no slot from others", () => {
  const { slots, served, user } = scene(3, { few: { concurrency: 1, weight: 1 } });
  const [a, b, c] = [user("a", "few"), user("b", "few"), user("c", "many")];
  assert.ok(slots.take(a));
  assert.equal(slots.take(b), false);
  assert.ok(a.share.isFull);
  assert.ok(slots.take(c));
  slots.release(c.share);
  assert.deepEqual(served, []);
  slots.release(a.share);
  assert.deepEqual(served, ["b"]);
  assert.equal(slots.free, 2);
});

test("S4.8 whoever wants to be alone gets all slots though its queue has a limit, and others of its queue wait", () => {
  const { slots, served, user } = scene(2, { q: { concurrency: 1, weight: 0.01 } });
  const [a, b, c] = [user("a"), user("b"), user("c", "other")];
  const suspect = user("suspect", "q", true);
  assert.ok(slots.take(a) && slots.take(c));
  assert.equal(slots.take(suspect, true), false);
  assert.equal(slots.take(b), false);
  slots.release(c.share);
  assert.equal(slots.take(c), false, "nobody gets a slot before the suspect has had all");
  slots.release(a.share);
  assert.deepEqual(served, ["suspect"]);
  assert.equal(slots.free, 0);
  slots.release(suspect.share);
  assert.deepEqual(served.sort(), ["b", "c", "suspect"]);
});

test("S4.8 whoever wants to be alone no longer lets the others go on", () => {
  const { slots, served, user } = scene(2);
  const [a, b, suspect] = [user("a"), user("b"), user("suspect", "q", true)];
  assert.ok(slots.take(a));
  assert.equal(slots.take(suspect, true), false);
  assert.equal(slots.take(b), false);
  slots.forgetAlone(suspect);
  assert.deepEqual(served, ["b"]);
});

test("S3.12 of several that ask at once where slots are short, weights decide, not who was called first", () => {
  const { slots, served, user } = scene(4, { heavy: { concurrency: 4, weight: 3 } });
  const light = [1, 2, 3, 4].map((i) => user(`light ${i}`, "light"));
  const heavy = [1, 2, 3, 4].map((i) => user(`heavy ${i}`, "heavy"));
  const busy = [1, 2, 3, 4].map(() => user("busy", "other"));
  assert.ok(busy.every((each) => slots.take(each)));
  assert.equal(slots.take(busy[0]!), false);
  slots.forget(busy[0]!);
  for (const each of busy) slots.release(each.share);
  slots.askAll([...light, ...heavy]);
  assert.equal(served.length, 4);
  assert.equal(served.filter((name) => name.startsWith("heavy")).length, 3, served.join());
});

test("S3.12 a queue that asked for nothing while others started saves nothing up", () => {
  const { slots, served, user } = scene(1);
  const [busy, late] = [user("busy"), user("late", "late")];
  for (let i = 0; i < 100; i++) {
    assert.ok(slots.take(busy));
    slots.release(busy.share);
  }
  assert.ok(slots.take(busy));
  for (let i = 0; i < 6; i++) {
    for (const each of [late, busy]) slots.take(each);
    slots.release(served.at(-1) === "late" ? late.share : busy.share);
  }
  assert.deepEqual(served, ["late", "busy", "late", "busy", "late", "busy"]);
});

const weight = fc.integer({ min: 1, max: 400 }).map((hundredths) => hundredths / 100);

test("S3.12 while queues wait each starts in proportion to its weight, and none starves", () => {
  fc.assert(
    fc.property(
      fc.array(weight, { minLength: 2, maxLength: 6 }),
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.nat(), { minLength: 1, maxLength: 30 }),
      (weights, size, ends) => {
        const slots = new JobSlots(size, (queue) => ({ ...UNLIMITED, weight: weights[Number(queue)] ?? 1 }));
        const running: Runner[] = [];
        const runner = (queue: number): Runner => new Runner(slots, queue, 1, false, running);
        const busy = Array.from({ length: size }, () => runner(weights.length));
        const runners = weights.flatMap((_, queue) => Array.from({ length: size + 1 }, () => runner(queue)));
        for (const each of [...busy, ...runners]) each.want();
        const counts = weights.map(() => 0);
        for (let i = 0; i < 1_000; i++) {
          const [ended] = running.splice(ends[i % ends.length]! % size, 1);
          ended!.end();
          assert.equal(running.length, size, "the slot was given at once");
          counts[running.at(-1)!.queue]!++;
          // Whoever has ended wants to start again at once.
          if (!busy.includes(ended!)) ended!.want();
        }
        for (const [i, a] of weights.entries()) {
          for (const [j, b] of weights.entries()) {
            const apart = Math.abs(counts[i]! / a - counts[j]! / b);
            assert.ok(apart <= 1 / a + 1 / b + 1e-6, `${counts} for ${weights}`);
          }
        }
      },
    ),
    { numRuns: 100 },
  );
});

/** Users ask, end, give up, or take no slots for a while. */
type Move = readonly [what: "ask" | "end" | "forget" | "gather" | "hold", who: number];

test("S3.12 never over a limit, never idle while somebody waits who may run, whoever asks, ends, declines or gives up", () => {
  const move = fc.tuple(
    fc.constantFrom("ask", "ask", "end", "end", "forget", "gather", "hold"),
    fc.nat(),
  ) as fc.Arbitrary<Move>;
  const queue = fc.record({
    concurrency: fc.option(fc.integer({ min: 1, max: 4 }), { nil: UNLIMITED.concurrency }),
    weight,
  });
  fc.assert(
    fc.property(
      fc.array(queue, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 6 }),
      fc.array(fc.record({ queue: fc.nat(), lanes: fc.integer({ min: 1, max: 3 }), isAlone: fc.nat(9) }), {
        minLength: 1,
        maxLength: 12,
      }),
      fc.array(move, { maxLength: 200 }),
      (queues, size, plans, moves) => {
        const slots = new JobSlots(size, (name) => queues[Number(name)]!);
        const limits = queues.map(({ concurrency }) => concurrency);
        const running: Runner[] = [];
        const runners = plans.map((plan) => {
          const at = plan.queue % queues.length;
          return new Runner(slots, at, plan.lanes, plan.isAlone === 0, running);
        });
        for (const [what, who] of moves) {
          const runner = runners[who % runners.length]!;
          if (what === "ask") runner.want();
          else if (what === "forget") runner.giveUp();
          else if (what === "hold") runner.hold();
          else if (what === "gather") slots.askAll(runners.filter(({ wants }) => wants > 0));
          else if (running.length > 0) running.splice(who % running.length, 1)[0]!.end();
          const counts = queues.map((_, i) => running.filter(({ queue }) => queue === i).length);
          assert.ok(running.length <= size);
          for (const [i, count] of counts.entries()) assert.ok(count <= limits[i]!, `${counts} of ${limits}`);
          const alone = running.find(({ isAlone }) => isAlone);
          if (alone !== undefined) assert.equal(running.length, 1);
          const wantingAll = runners.filter(({ isAlone, wants }) => isAlone && wants > 0);
          const mayRun = runners.some(
            ({ queue, wants, isHeld }) => wants > 0 && !isHeld && counts[queue]! < limits[queue]!,
          );
          if (wantingAll.length > 0) assert.ok(running.length > 0 || wantingAll.some(({ isHeld }) => isHeld));
          else if (mayRun && alone === undefined) assert.equal(running.length, size, "a slot is free");
        }
      },
    ),
    { numRuns: 500 },
  );
});

/** A partition that wants to start as many jobs as it has lanes. */
class Runner implements SlotUser {
  readonly share;
  wants = 0;
  isHeld = false;
  readonly queue: number;
  readonly isAlone: boolean;
  readonly #slots: JobSlots;
  readonly #lanes: number;
  readonly #running: Runner[];

  constructor(slots: JobSlots, queue: number, lanes: number, isAlone: boolean, running: Runner[]) {
    this.#slots = slots;
    this.queue = queue;
    this.#lanes = lanes;
    this.isAlone = isAlone;
    this.#running = running;
    this.share = slots.share(String(queue));
  }

  want(): void {
    // Who runs alone has all there is.
    if (this.isAlone && this.#running.includes(this)) return;
    if (this.wants === 0) this.wants = this.isAlone ? 1 : this.#lanes;
    this.slotFree();
  }

  slotFree(): void {
    while (!this.isHeld && this.wants > 0 && this.#slots.take(this, this.isAlone)) {
      this.wants--;
      this.#running.push(this);
    }
  }

  hold(): void {
    this.isHeld = !this.isHeld;
    this.slotFree();
  }

  giveUp(): void {
    this.wants = 0;
    this.#slots.forget(this);
  }

  end(): void {
    this.#slots.release(this.share);
  }
}
