import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { entryIdText, readEntryId } from "../../src/jobs/entry-id.ts";
import { ScheduleIndex } from "../../src/jobs/schedule-index.ts";

const encoder = new TextEncoder();

function idOf(n: number): Int32Array {
  const id = new Int32Array(4);
  // Few differ in more than one place, so that they meet in the table.
  id[3] = n * 64;
  return id;
}

test("S7.4 any UUID in lower case is an entry's id, and nothing else is", () => {
  const id = new Int32Array(4);
  fc.assert(
    fc.property(fc.uuid(), (uuid) => {
      assert.equal(readEntryId(encoder.encode(uuid), id), true);
      assert.equal(entryIdText(id, 0), uuid);
    }),
  );
  fc.assert(
    fc.property(fc.uuid(), fc.nat(35), fc.constantFrom("g", "-", "A", "é", " ", "0"), (uuid, at, other) => {
      const text = uuid.slice(0, at) + other + uuid.slice(at + 1);
      const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
      assert.equal(readEntryId(encoder.encode(text), id), isUuid, text);
    }),
  );
  for (const text of ["", "request/1", "0".repeat(36), "00000000-0000-7000-8000-0000000000000"])
    assert.equal(readEntryId(encoder.encode(text), id), false, text);
});

type Step =
  | { readonly what: "set"; readonly id: number; readonly due: number }
  | { readonly what: "remove" | "detach" | "attach"; readonly id: number }
  | { readonly what: "take" };

const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ what: fc.constant("set" as const), id: fc.nat(40), due: fc.nat(30) }) },
    fc.record({ what: fc.constantFrom("remove" as const, "detach" as const, "attach" as const), id: fc.nat(40) }),
    fc.record({ what: fc.constant("take" as const) }),
  ),
  { maxLength: 300 },
);

interface Model {
  readonly due: number;
  readonly offset: number;
  isOut: boolean;
}

test("S7.2 the index gives entries by id, and in the order of their times, then of the log", () => {
  fc.assert(
    fc.property(steps, (script) => {
      const index = new ScheduleIndex();
      const model = new Map<number, Model>();
      for (const [offset, step] of (script as readonly Step[]).entries()) {
        carryOut(index, model, step, offset);
        check(index, model);
      }
    }),
    { numRuns: 200 },
  );
});

function carryOut(index: ScheduleIndex, model: Map<number, Model>, step: Step, offset: number): void {
  if (step.what === "set") {
    index.set(idOf(step.id), step.due, offset);
    model.set(step.id, { due: step.due, offset, isOut: false });
  } else if (step.what === "take") {
    if (index.first < 0) return;
    const id = inOrder(model)[0]![0];
    assert.equal(index.find(idOf(id)), index.first);
    index.remove(index.first);
    model.delete(id);
  } else {
    const at = index.find(idOf(step.id));
    const known = model.get(step.id);
    assert.equal(at >= 0, known !== undefined);
    if (known === undefined) return;
    if (step.what === "remove") {
      index.remove(at);
      model.delete(step.id);
      assert.equal(index.has(at, known.offset), false);
    } else {
      index[step.what](at);
      known.isOut = step.what === "detach";
    }
  }
}

function inOrder(model: ReadonlyMap<number, Model>): [number, Model][] {
  return [...model].filter(([, { isOut }]) => !isOut).sort(([, a], [, b]) => a.due - b.due || a.offset - b.offset);
}

function check(index: ScheduleIndex, model: ReadonlyMap<number, Model>): void {
  assert.equal(index.size, model.size);
  const order = inOrder(model);
  const all = index.next(1_000, Number.POSITIVE_INFINITY);
  assert.deepEqual(
    all.map((at) => index.offsetOf(at)),
    order.map(([, { offset }]) => offset),
  );
  assert.equal(index.first, all[0] ?? -1);
  assert.deepEqual(index.next(3, 15), all.filter((at) => index.dueOf(at) <= 15).slice(0, 3));
  for (const [id, { due, offset }] of model) {
    const at = index.find(idOf(id));
    assert.deepEqual([index.dueOf(at), index.offsetOf(at), index.has(at, offset)], [due, offset, true]);
    assert.equal(index.idOf(at), entryIdText(idOf(id), 0));
  }
}

test("S8.10 the index grows over chunks of memory, and gives it back once nothing is left", () => {
  const index = new ScheduleIndex();
  const count = 50_000;
  for (let i = 0; i < count; i++) index.set(idOf(i), (i * 7_919) % count, i);
  assert.equal(index.size, count);
  for (let due = 0; due < count; due++) {
    assert.equal(index.dueOf(index.first), due);
    index.remove(index.first);
  }
  assert.deepEqual([index.size, index.first], [0, -1]);
  const at = index.set(idOf(1), 5, 1);
  assert.deepEqual([at, index.first, index.dueOf(at)], [0, 0, 5], "it begins anew");
});
