import assert from "node:assert/strict";
import { test } from "node:test";
import type { LedgerEntry } from "../support/ledger.ts";
import { miscounted, rerunsAfterRelease } from "./run-checks.ts";

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

test("S4.1 the last attempt may be made again by another, under its number, where its dead letter was not written", () => {
  const revoked: LedgerEntry = { ...at, what: "revoked", by: "a", at: 40 };
  const again = [assigned("b", 50), start("b", 2, 60)];
  assert.deepEqual(miscounted([...begun, revoked, ...again], JOBS, 2), []);
  assert.equal(miscounted([...begun, revoked, ...again], JOBS, 3).length, 1, "it is not the last");
  assert.equal(miscounted([...begun, start("a", 2, 30)], JOBS, 2).length, 1, "it is no other's");
  assert.equal(miscounted([...begun, revoked, assigned("b", 50), start("b", 1, 60)], JOBS, 2).length, 1);
});

test("S6.1 what had ended may run again only where its owner could not commit it", () => {
  const ended: LedgerEntry[] = [...begun.slice(0, 2), { ...at, what: "end", by: "a", ok: true, at: 15 }];
  const again = [assigned("b", 50), start("b", 1, 60)];
  const revoked: LedgerEntry = { ...at, what: "revoked", by: "a", at: 40 };
  const closing: LedgerEntry = { what: "closing", by: "a", at: 40 };
  for (const release of [revoked, closing]) {
    assert.equal(rerunsAfterRelease([...ended, release, ...again]).length, 1);
    assert.deepEqual(
      rerunsAfterRelease([...ended, release, { ...at, what: "uncommitted", by: "a", at: 45 }, ...again]),
      [],
    );
    // It was expelled before, and learned of it later or never.
    assert.deepEqual(rerunsAfterRelease([...ended, ...again, { ...release, at: 70 }]), []);
  }
  assert.equal(rerunsAfterRelease([...ended, start("a", 1, 60)]).length, 1, "nobody else had it");
  assert.deepEqual(rerunsAfterRelease([...ended, { what: "died", by: "a", at: 40 }, ...again]), []);
  assert.deepEqual(rerunsAfterRelease([...ended, { ...at, what: "lost", by: "a", at: 40 }, ...again]), []);
});
