import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { partitionForKey } from "../../protocol/murmur2.ts";
import type { LedgerEntry } from "../support/ledger.ts";
import type { Call } from "./chaos-load.ts";
import { checkCalls } from "./check-evidence.ts";
import { checkRows } from "./check-rows.ts";
import type { LoggedJob } from "./evidence.ts";

const partitionOf = (key: string, partitions: number): number =>
  partitionForKey(new TextEncoder().encode(key), partitions);
/** A key that more partitions move. */
const MOVED = Array.from({ length: 100 }, (_, i) => `k${i}`).find(
  (key) => partitionOf(key, 6) !== partitionOf(key, 8),
)!;

function call(i: number, key: string, changes: Partial<Call> = {}): Call {
  const place = { partition: partitionOf(key, 6), offset: i };
  return { i, task: { key, takes: 0, i }, together: undefined, state: "acked", place, endedAt: 10 * i, ...changes };
}

const logged = ({ task, place }: Call, partition = place!.partition, offset = place!.offset): LoggedJob => ({
  ...{ partition, offset, task },
});
const GROWTHS = [{ at: 0, partitions: 6 }];
const rules = (problems: readonly string[]): string[] => problems.map((problem) => problem.split(" ")[0]!);

describe("what enqueuers were told", () => {
  test("is held against the log", () => {
    const calls = [call(0, "a"), call(1, "a"), call(2, "a")];
    const jobs = calls.map((each) => logged(each));
    assert.deepEqual(checkCalls({ calls, jobs, growths: GROWTHS }), []);
    assert.deepEqual(rules(checkCalls({ calls, jobs: jobs.slice(1), growths: GROWTHS })), ["S2.1"]);
    assert.deepEqual(rules(checkCalls({ calls, jobs: [...jobs, logged(calls[2]!, undefined, 9)], growths: GROWTHS })), [
      ...["S2.3", "S2.1"],
    ]);
    const swapped = [logged(calls[0]!), logged(calls[2]!), logged(calls[1]!)];
    assert.deepEqual(rules(checkCalls({ calls, jobs: swapped, growths: GROWTHS })), ["S2.3"]);
    assert.deepEqual(rules(checkCalls({ calls: [], jobs: jobs.slice(0, 1), growths: GROWTHS })), ["S2.3"]);
  });

  test("says nothing of calls that failed, but that they have ended, and are in their order where they are", () => {
    const failed = call(0, "a", { state: "failed", place: undefined });
    const next = call(1, "a");
    assert.deepEqual(checkCalls({ calls: [failed, next], jobs: [logged(next)], growths: GROWTHS }), []);
    const late = [logged(next), logged(failed, next.place!.partition, 5)];
    assert.deepEqual(rules(checkCalls({ calls: [failed, next], jobs: late, growths: GROWTHS })), ["S2.3"]);
    const open = call(0, "a", { state: "open" });
    assert.deepEqual(rules(checkCalls({ calls: [open], jobs: [], growths: GROWTHS })), ["S2.8"]);
  });

  test("is all or nothing of a transaction, whose jobs have an order of their own", () => {
    const calls = [call(0, "a", { together: 0 }), call(1, "b", { together: 0 }), call(2, "a"), call(3, "a")];
    const jobs = [2, 3, 0, 1].map((i) => logged(calls[i]!));
    assert.deepEqual(checkCalls({ calls, jobs, growths: GROWTHS }), []);
    const failed = calls.map((each): Call => (each.together === 0 ? { ...each, state: "failed" } : each));
    assert.deepEqual(rules(checkCalls({ calls: failed, jobs: jobs.slice(0, 3), growths: GROWTHS })), ["S2.3"]);
    assert.deepEqual(checkCalls({ calls: failed, jobs: jobs.slice(0, 2), growths: GROWTHS }), []);
  });

  test("knows that keys move when the queue grows, and only then", () => {
    const [before, after] = [partitionOf(MOVED, 6), partitionOf(MOVED, 8)];
    const calls = [call(0, MOVED), call(1, MOVED, { place: { partition: after, offset: 0 } })];
    const jobs = [logged(calls[0]!), logged(calls[1]!)];
    assert.notEqual(before, after);
    assert.deepEqual(rules(checkCalls({ calls, jobs, growths: GROWTHS })), ["S2.2"]);
    const growth = (at: number): typeof GROWTHS => [...GROWTHS, { at, partitions: 8 }];
    assert.deepEqual(checkCalls({ calls, jobs, growths: growth(5) }), []);
    // It was acknowledged before.
    assert.deepEqual(rules(checkCalls({ calls, jobs, growths: growth(50) })), ["S2.2"]);
  });
});

describe("rows of jobs with steps", () => {
  const at = { topic: "q", partition: 0, offset: 3 };
  const job: LoggedJob = { partition: 0, offset: 3, task: { key: "k", takes: 1, does: "steps", rows: 4 } };
  const script = (...steps: readonly (readonly [string, number | "start"])[]): LedgerEntry[] =>
    steps.map(([by, row], i): LedgerEntry => {
      if (row === "start") return { ...at, what: "start", by, key: "k", attempt: 1, at: 10 * i };
      return { ...at, what: "row", by, row, at: 10 * i };
    });
  const check = (entries: LedgerEntry[], saved: { rows: number; at: number }[] = []): string[] =>
    checkRows({ entries, jobs: [job], saved: saved.map((each) => ({ ...each, place: "0/3" })) });

  test("follow one another, also where another worker goes on", () => {
    assert.deepEqual(check(script(["a", "start"], ["a", 0], ["a", 1], ["b", "start"], ["b", 2], ["b", 3])), []);
    // What was not saved is done again.
    assert.deepEqual(
      check(script(["a", "start"], ["a", 0], ["b", "start"], ["b", 0], ["b", 1], ["b", 2], ["b", 3])),
      [],
    );
  });

  test("are neither skipped nor left, nor begun before what was saved", () => {
    assert.deepEqual(rules(check(script(["a", "start"], ["a", 0], ["a", 2], ["a", 3]))), ["S7.7"]);
    assert.deepEqual(rules(check(script(["a", "start"], ["a", 0], ["b", "start"], ["b", 2], ["b", 3]))), ["S7.7"]);
    assert.deepEqual(rules(check(script(["a", "start"], ["a", 0]))), ["S7.7"]);
    const again = script(["a", "start"], ["a", 0], ["a", 1], ["b", "start"], ["b", 0], ["b", 1], ["b", 2], ["b", 3]);
    assert.deepEqual(rules(check(again, [{ rows: 2, at: 25 }])), ["S8.8"]);
    assert.deepEqual(check(again, [{ rows: 2, at: 35 }]), []);
  });
});
