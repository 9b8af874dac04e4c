import assert from "node:assert/strict";
import { test } from "node:test";
import { groupBy } from "../../src/client/group-by.ts";

test("items with the same key come together, in the order in which they and the keys were first met", () => {
  const groups = groupBy([3, 1, 4, 1, 5, 9], (number) => number % 3);
  assert.deepEqual(
    [...groups],
    [
      [0, [3, 9]],
      [1, [1, 4, 1]],
      [2, [5]],
    ],
  );
});
