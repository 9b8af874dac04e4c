import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { backoffWait } from "../../src/jobs/backoff.ts";
import { DEFAULTS } from "../../src/jobs/defaults.ts";

test("S4.1 backoff doubles from 1 s to 30 s, and the first wait is the initial one", () => {
  const series = [1, 2, 3, 4, 5, 6, 7, 100_000].map((failures) => backoffWait(DEFAULTS.backoff, failures, 0.5));
  assert.deepEqual(series, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

test("S4.1 backoff of no time stays so, however often a job has failed", () => {
  assert.equal(backoffWait({ initial: 0, max: 0, jitter: 0.2 }, 100_000, 0.5), 0);
});

test("S4.1 backoff is longer or shorter by at most its jitter", () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000 }),
      chance,
      fc.double({ min: 0, max: 1, noNaN: true }),
      (n, random, jitter) => {
        const plain = backoffWait({ initial: 1_000, max: 30_000, jitter: 0 }, n, random);
        const wait = backoffWait({ initial: 1_000, max: 30_000, jitter }, n, random);
        assert.ok(wait >= plain * (1 - jitter) - 1e-6 && wait <= plain * (1 + jitter) + 1e-6);
      },
    ),
  );
  assert.equal(backoffWait(DEFAULTS.backoff, 1, 0), 800);
});
