import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Heap } from "../../src/jobs/heap.ts";

test("of what was added and not taken out, the first comes out first", () => {
  const action = fc.oneof(fc.integer({ min: -50, max: 50 }), fc.constant("shift" as const));
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
      const heap = new Heap<number>((a, b) => a < b);
      const expected: number[] = [];
      for (const each of actions) {
        if (each === "shift") assert.equal(heap.shift(), expected.shift());
        else {
          heap.add(each);
          expected.push(each);
          expected.sort((a, b) => a - b);
        }
        assert.equal(heap.first, expected[0]);
      }
    }),
  );
});
