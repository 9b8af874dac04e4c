import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hashOf, IdTable } from "../../src/jobs/id-table.ts";
import { SeenIds } from "../../src/jobs/seen-ids.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const uuid = (n: number): Uint8Array => bytes(`01890000-0000-7000-8000-${String(n).padStart(12, "0")}`);

test("an id table finds what was added, ids that are parts of each other too, and nothing else", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ maxLength: 4 }), { maxLength: 200 }), fc.nat(), (ids, seed) => {
      const [known, unknown] = [ids.slice(0, ids.length / 2), ids.slice(ids.length / 2)];
      // Few hashes, so that many ids share one.
      const hash = (id: string): number => hashOf(bytes(id), seed) % 20;
      const table = new IdTable();
      for (const [n, id] of known.entries()) table.add(bytes(id), hash(id), n, -n);
      if (seed % 2 === 0) table.trim();
      for (const [n, id] of known.entries()) {
        const at = table.find(bytes(id), hash(id));
        assert.deepEqual([table.timeOf(at), table.offsetOf(at)], [n, -n]);
      }
      for (const id of unknown) assert.equal(table.find(bytes(id), hash(id)), -1);
      assert.equal(table.size, known.length);
    }),
  );
});

test("S2.9 an id is seen again within the window, by the records' times, and new outside of it", () => {
  const record = fc.record({ id: fc.nat(5), gap: fc.integer({ min: -40, max: 120 }) });
  fc.assert(
    fc.property(fc.array(record, { maxLength: 300 }), (records) => {
      const [window, late] = [100, 40];
      const seen = new SeenIds(window, window + late, 1);
      const past: { readonly id: number; readonly time: number }[] = [];
      let [newest, time] = [0, 0];
      for (const [offset, { id, gap }] of records.entries()) {
        // No later than promised: that is how long ids are kept beyond the window.
        time = Math.max(time + gap, newest - late);
        newest = Math.max(newest, time);
        const repeats = past.some((each) => each.id === id && time - each.time <= window);
        const first = seen.see(uuid(id), time, offset, Number.MAX_SAFE_INTEGER);
        assert.equal(first !== undefined, repeats, `at ${offset}`);
        if (first !== undefined) assert.equal(past[first]!.id, id);
        past.push({ id, time });
      }
    }),
  );
});

test("S2.9 the first of a row of duplicates is named, and a record that is seen twice is none", () => {
  const seen = new SeenIds(100, 140, 1);
  assert.deepEqual(
    [0, 90, 180, 270, 371].map((time, offset) => seen.see(uuid(1), time, offset, 1_000)),
    [undefined, 0, 0, 0, undefined],
  );
  assert.equal(seen.see(uuid(1), 371, 4, 1_000), undefined);
  assert.equal(seen.see(uuid(1), 371, 5, 1_000), 4);
});

test("S2.9 what is not in the log any more makes no duplicates", () => {
  const seen = new SeenIds(100, 140, 1);
  for (const n of range(10)) seen.see(uuid(n), n, n, 1_000);
  seen.forgetFrom(5);
  const found = range(10).map((n) => seen.see(uuid(n), 20, 5 + n, 1_000));
  assert.deepEqual(found, [0, 1, 2, 3, 4, ...range(5).map(() => undefined)]);
});

test("S2.9 a clock that is far ahead does not have all ids forgotten", () => {
  const seen = new SeenIds(100, 140, 1);
  seen.see(uuid(1), 1_000, 0, 1_000);
  assert.equal(seen.see(uuid(2), 9_999_999, 1, 1_010), undefined);
  assert.equal(seen.see(uuid(1), 1_020, 2, 1_020), 0);
  assert.equal(seen.see(uuid(2), 9_999_999, 3, 1_030), 1);
});

test("S8.10 an id of 36 characters takes some 70 bytes, for a quarter longer than it is needed", () => {
  const [keep, perMs] = [1_000, 20];
  const seen = new SeenIds(keep, keep, 7);
  let most = 0;
  for (const time of range(3 * keep)) {
    for (const n of range(perMs)) seen.see(uuid(time * perMs + n), time, time * perMs + n, time);
    most = Math.max(most, seen.size);
  }
  assert.ok(most <= 1.26 * keep * perMs, `${most} ids are kept`);
  const each = seen.byteLength / seen.size;
  assert.ok(each < 72, `${each} bytes for an id, room to grow included`);
});
