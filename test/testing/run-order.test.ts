import assert from "node:assert/strict";
import { test } from "node:test";
import type { LoggedRun, SeenJob } from "../../src/testing/job-log.ts";
import { disorderOf, gatherByKey } from "../../src/testing/run-order.ts";

/** `a+` begins a run of job a, `a-` ends it; `a*` begins one of the next owner, to which all that follows belongs. */
function history(text: string): LoggedRun[] {
  const runs: LoggedRun[] = [];
  const attempts = new Map<string, number>();
  let owner = 1;
  for (const [at, [id, sign]] of text
    .split(" ")
    .map((note) => [...note])
    .entries()) {
    if (sign === "-") {
      const run = runs.findLast((each) => each.id === id && each.ended === undefined)!;
      run.ended = at;
      continue;
    }
    if (sign === "*") owner += 1;
    attempts.set(id!, (attempts.get(id!) ?? 0) + 1);
    runs.push({
      ...{
        id: id!,
        name: "job",
        queue: "q",
        key: "k",
        payload: id,
        attempt: attempts.get(id!)!,
        partition: 0,
        offset: 0,
      },
      ...{ worker: `worker-${owner}`, ownership: `owner-${owner}`, startedAt: new Date(0), state: "completed" },
      ...{ error: undefined, began: at, ended: undefined },
    });
  }
  return runs;
}

const order = (text: string): string | undefined => disorderOf({ key: "k", ids: ["a", "b", "c"], runs: history(text) });

test("jobs that start after one another, in the order of their enqueueing, are in order", () => {
  assert.equal(order("a+ a- b+ b- c+ c-"), undefined);
  assert.equal(order("a+ a- a+ a- b+ b-"), undefined, "a retry in place");
  assert.equal(order("a+ a- b+ b- a* a- b+ b- c+ c-"), undefined, "a new owner goes back to what was committed");
  assert.equal(order("a+"), undefined);
});

test("what is not in order is told by its jobs and workers", () => {
  assert.equal(
    order("a+ a- c+ c-"),
    "attempt 1 at job c (worker-1) was started before job b, which was enqueued earlier",
  );
  assert.equal(
    order("a+ b+ b- a-"),
    "attempt 1 at job b (worker-1) was started while attempt 1 at job a (worker-1) was running",
  );
  assert.equal(
    order("a+ a* a- b+ a-"),
    "attempt 2 at job a (worker-2) was started while attempt 1 at job a (worker-1) was running",
  );
  assert.equal(order("a+ a- b+ b- a+ a-"), "attempt 2 at job a (worker-1) was started again after a later job");
  assert.equal(
    order("a+ a- b+ b- a* a- b+ b- a+ a-"),
    "attempt 3 at job a (worker-2) was started again after a later job",
  );
});

test("runs are gathered by key, with jobs that have not run where nothing changed their payload", () => {
  const jobs = ["a", "b", "c"].map((id): SeenJob => {
    return {
      ...{ id, name: "job", queue: "q", key: "k", payload: id, headers: {}, enqueuedAt: new Date(0), partition: 0 },
      ...{ offset: 0, dueAt: undefined },
    };
  });
  const runs = history("b+ b- d+ d- c+ c-");
  const keyOf = ({ payload }: { readonly payload: unknown }): unknown => (payload === "d" ? 2 : 1);
  const ids = (isSame: boolean): unknown => gatherByKey(jobs, runs, keyOf, isSame).map((each) => [each.key, each.ids]);
  assert.deepEqual(ids(true), [
    ["1", ["a", "b", "c"]],
    ["2", ["d"]],
  ]);
  assert.deepEqual(ids(false), [
    ["1", ["b", "c"]],
    ["2", ["d"]],
  ]);
  assert.match(disorderOf(gatherByKey(jobs, runs, keyOf, true)[0]!)!, /job b .* was started before job a/);
});

test("what was scheduled has its place where it was dispatched to, and none before that", () => {
  const jobs = ["a", "b", "c", "d"].map((id, offset): SeenJob => {
    const dueAt = id === "a" || id === "d" ? new Date(0) : undefined;
    return {
      ...{ id, name: "job", queue: "q", key: "k", payload: id, headers: {}, enqueuedAt: new Date(0), partition: 0 },
      ...{ offset, dueAt },
    };
  });
  const runs = history("b+ b- a+ a- c+ c-").map((run) => ({ ...run, offset: { a: 1, b: 0, c: 2 }[run.id]! }));
  jobs[1] = { ...jobs[1]!, offset: 0 };
  const [found] = gatherByKey(jobs, runs, () => "k", true);
  assert.deepEqual(found!.ids, ["b", "a", "c"]);
  assert.equal(disorderOf(found!), undefined);
  const late = runs.map((run) => (run.id === "a" ? { ...run, offset: 7 } : run));
  assert.match(disorderOf(gatherByKey(jobs, late, () => "k", true)[0]!)!, /job a .* was started before job c/);
});
