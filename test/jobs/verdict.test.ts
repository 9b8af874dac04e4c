import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { resolveErrorRules } from "../../src/jobs/error-rules.ts";
import {
  NewerVersionError,
  UnknownJobError,
  UnreadableHereError,
  UnreadableRecordError,
} from "../../src/jobs/errors.ts";
import { Discard, RetryLater } from "../../src/jobs/job-controls.ts";
import { type FailureContext, type FailureCounts, judgeFailure, NO_FAILURES } from "../../src/jobs/verdict.ts";

const BACKOFF = { initial: 1_000, max: 30_000, jitter: 0 };

function context(more: Partial<FailureContext> = {}): FailureContext {
  return {
    ...{ rules: [], before: NO_FAILURES, maxRetries: Number.POSITIVE_INFINITY, backoff: BACKOFF },
    ...{ unknownFor: 0, unknownGrace: 600_000, unknownWaits: 0, random: 0.5 },
    ...more,
  };
}

test("S4.3 Discard ends the job whatever its rules say, and RetryLater waits without counting an attempt", () => {
  const rules = resolveErrorRules([{ errors: [Error], attempts: 1 }], undefined, "job");
  assert.deepEqual(judgeFailure(new Discard("gone"), context({ rules })), { outcome: "discard" });
  const before = { attempt: 4, counters: [1] };
  assert.deepEqual(judgeFailure(new RetryLater({ wait: "30s" }), context({ rules, before })), {
    ...{ outcome: "retry", wait: 30_000, counts: before, why: "rule" },
  });
  assert.throws(() => new RetryLater({ wait: "soon" as "1s" }), { name: "InvalidOptionError" });
});

test("S4.7 a job of another deploy is waited for without its attempts being counted, and then fails like any other", () => {
  const errors = [
    new UnknownJobError("new", []),
    new NewerVersionError("job", 3, 2),
    new UnreadableHereError("no key"),
  ];
  for (const error of errors) {
    for (const [unknownWaits, wait] of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000].entries()) {
      const verdict = judgeFailure(error, context({ unknownFor: 599_999, unknownWaits }));
      assert.deepEqual(verdict, { outcome: "retry", wait, counts: NO_FAILURES, why: "deploy" });
    }
    const late = judgeFailure(error, context({ unknownFor: 600_000, unknownWaits: 30, maxRetries: 0 }));
    assert.deepEqual(late, { outcome: "exhausted", counts: { attempt: 1, counters: [] } });
  }
});

test("S4.7 a record that can never be read has failed for good at once", () => {
  const verdict = judgeFailure(new UnreadableRecordError("no"), context());
  assert.deepEqual(verdict, { outcome: "exhausted", counts: { attempt: 1, counters: [] } });
});

test("S4.4 a job runs maxRetries + 1 times", () => {
  for (const maxRetries of [0, 1, 3]) {
    let before: FailureCounts = NO_FAILURES;
    let runs = 0;
    for (;;) {
      runs++;
      const verdict = judgeFailure(new Error("no"), context({ before, maxRetries }));
      if (verdict.outcome !== "retry") break;
      before = verdict.counts;
    }
    assert.equal(runs, maxRetries + 1);
  }
});

test("S4.2 a rule's attempts include the first run, and each rule counts for itself", () => {
  const rules = resolveErrorRules(
    [
      { errors: [TypeError], attempts: 3, wait: 7, jitter: 0 },
      { errors: [RangeError], attempts: 2, wait: 9, jitter: 0 },
      { errors: [SyntaxError], attempts: "unlimited", wait: 1, jitter: 0 },
    ],
    [{ errors: [URIError] }],
    "job",
  );
  const kinds = [TypeError, RangeError, SyntaxError, URIError, EvalError];
  const attempts = [3, 2, Number.POSITIVE_INFINITY];
  const maxRetries = 2;
  fc.assert(
    fc.property(fc.array(fc.nat(4), { maxLength: 30 }), (errors) => {
      let before: FailureCounts = NO_FAILURES;
      const counts = [0, 0, 0, 0, 0];
      for (const [i, kind] of errors.entries()) {
        counts[kind]!++;
        const verdict = judgeFailure(new kinds[kind]!(), context({ rules, before, maxRetries }));
        if (kind === 3) return assert.equal(verdict.outcome, "discard");
        const isLast = kind === 4 ? counts[4]! > maxRetries : counts[kind]! >= attempts[kind]!;
        assert.equal(verdict.outcome, isLast ? "exhausted" : "retry", `${errors} at ${i}`);
        if (verdict.outcome !== "retry") return;
        assert.equal(verdict.counts.attempt, i + 1);
        if (kind === 4)
          assert.equal(verdict.wait, 1_000 * 2 ** (counts[4]! - 1), "rules take nothing from the backoff");
        before = verdict.counts;
      }
    }),
  );
});
