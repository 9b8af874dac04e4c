import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { PartitionTransactions } from "../../src/broker/partition-transactions.ts";

interface Range {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly markerOffset: number;
}

/** What happens at one offset: a producer writes, or ends its transaction. */
const step = fc.record({
  producerId: fc.integer({ min: 1, max: 4 }),
  what: fc.constantFrom("write", "write", "commit", "abort"),
});

describe("the transactions of a partition", () => {
  test("are found for any part of the log, whoever interleaves them", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(60), fc.nat(60), fc.nat(60), (steps, a, b, deleted) => {
        const transactions = new PartitionTransactions();
        const open = new Map<number, number>();
        const aborted: Range[] = [];
        for (const [offset, { producerId, what }] of steps.entries()) {
          if (what === "write") {
            transactions.appended(producerId, offset);
            if (!open.has(producerId)) open.set(producerId, offset);
          } else {
            transactions.ended(producerId, what === "commit", offset);
            const firstOffset = open.get(producerId);
            open.delete(producerId);
            if (firstOffset !== undefined && what === "abort")
              aborted.push({ producerId, firstOffset, markerOffset: offset });
          }
          assert.equal(transactions.firstOpenOffset, open.size === 0 ? undefined : Math.min(...open.values()));
        }
        const stable = transactions.firstOpenOffset ?? steps.length;
        const [from, to] = [Math.min(a, b, stable), Math.min(Math.max(a, b), stable)];
        const expected = aborted
          .filter(({ firstOffset, markerOffset }) => markerOffset >= from && firstOffset < to)
          .map(({ producerId, firstOffset }) => ({ producerId, firstOffset }));
        assert.deepEqual(transactions.abortedIn(from, to), expected);
        transactions.deleteBefore(Math.min(deleted, from));
        assert.deepEqual(transactions.abortedIn(from, to), expected, "what is deleted is not missed");
      }),
    );
  });
});
