import assert from "node:assert/strict";
import { test } from "node:test";
import type { LedgerEntry } from "../support/ledger.ts";
import { miscounted } from "./run-checks.ts";

const at = { topic: "q", partition: 0, offset: 4 };
const JOBS = new Set(["0/4"]);
const assigned = (by: string, time: number): LedgerEntry => ({ ...at, what: "assigned", by, at: time });
const start = (by: string, attempt: number, time: number): LedgerEntry => ({
  ...{ ...at, what: "start", by, key: "k", attempt, at: time },
});
const begun = [assigned("a", 0), start("a", 1, 10), start("a", 2, 20)];

test("S4.1 an attempt may be counted anew only where its owner had no chance to say so", () => {
  const again = [assigned("b", 50), start("b", 2, 60)];
  assert.deepEqual(miscounted([...begun, assigned("b", 50), start("b", 3, 60)], JOBS), []);
  assert.equal(miscounted([...begun, { ...at, what: "revoked", by: "a", at: 40 }, ...again], JOBS).length, 1);
  assert.equal(miscounted([...begun, { what: "closing", by: "a", at: 40 }, ...again], JOBS).length, 1);
  assert.deepEqual(miscounted([...begun, { what: "died", by: "a", at: 40 }, ...again], JOBS), []);
  assert.deepEqual(miscounted([...begun, { ...at, what: "lost", by: "a", at: 40 }, ...again], JOBS), []);
  // It was expelled, and told to close before it learned of that.
  assert.deepEqual(miscounted([...begun, ...again, { what: "closing", by: "a", at: 70 }], JOBS), []);
});
