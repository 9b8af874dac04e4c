import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type CommitMetadata,
  decodeCommitMetadata,
  encodeCommitMetadata,
  MAX_ATTEMPT,
  MAX_COUNTER,
  MAX_COUNTERS,
  MAX_FAILING,
  MAX_METADATA_CHARS,
  MAX_SPAN,
} from "../../src/jobs/commit-metadata.ts";
import { CommitMetadataError } from "../../src/jobs/errors.ts";
import { fuzzRuns } from "../support/fuzz-runs.ts";

const EMPTY: CommitMetadata = {
  topicId: "01234567-89ab-cdef-8123-456789abcdef",
  open: true,
  finished: [],
  failing: [],
};
/** The year 2109: seven digits of six bits. */
const LAST_TIME = 64 ** 7 - 1;

const deltas = fc.uniqueArray(fc.integer({ min: 0, max: MAX_SPAN - 1 }), { maxLength: 400 });
const failing = fc.record({
  offset: fc.integer({ min: 0, max: MAX_SPAN - 1 }),
  attempt: fc.integer({ min: 0, max: MAX_ATTEMPT }),
  counters: fc.array(fc.integer({ min: 0, max: MAX_COUNTER }), { maxLength: MAX_COUNTERS }),
  nextRetryAt: fc.integer({ min: 0, max: LAST_TIME }),
  suspect: fc.boolean(),
});

test("S3.8 commit metadata is read as it was written", () => {
  const offsets = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - MAX_SPAN });
  fc.assert(
    fc.property(
      offsets,
      fc.uuid({ version: 4 }),
      fc.boolean(),
      deltas,
      fc.array(failing, { maxLength: MAX_FAILING }),
      (offset, topicId, open, finished, jobs) => {
        const metadata: CommitMetadata = {
          topicId,
          open,
          finished: finished.sort((a, b) => a - b).map((delta) => offset + delta),
          failing: jobs.map((job) => ({ ...job, offset: offset + job.offset })),
        };
        const text = encodeCommitMetadata(offset, metadata);
        assert.match(text, /^[!-~]*$/);
        assert.ok(text.length <= MAX_METADATA_CHARS);
        assert.deepEqual(decodeCommitMetadata(offset, text), metadata);
      },
    ),
  );
});

test("S3.8 the greatest commit metadata fits", () => {
  const finished = Array.from({ length: MAX_SPAN }, (_, i) => i);
  const job = {
    attempt: Number.MAX_SAFE_INTEGER,
    counters: new Array<number>(MAX_COUNTERS).fill(Number.MAX_SAFE_INTEGER),
    nextRetryAt: LAST_TIME,
    suspect: true,
  };
  const jobs = Array.from({ length: MAX_FAILING }, (_, i) => ({ ...job, offset: MAX_SPAN - 1 - i }));
  const text = encodeCommitMetadata(0, { ...EMPTY, finished, failing: jobs });
  assert.ok(text.length <= MAX_METADATA_CHARS, `${text.length}`);
  const one = encodeCommitMetadata(0, { ...EMPTY, failing: jobs.slice(0, 1) });
  assert.ok(one.length - encodeCommitMetadata(0, EMPTY).length <= 32);
  assert.equal(decodeCommitMetadata(0, text)?.failing[0]?.attempt, MAX_ATTEMPT);
  assert.equal(decodeCommitMetadata(0, text)?.failing[0]?.counters[7], MAX_COUNTER);
});

test("S3.8 what no metadata can hold is refused", () => {
  const job = { offset: 0, attempt: 1, counters: [], nextRetryAt: 0, suspect: false };
  const wrong: Partial<CommitMetadata>[] = [
    { finished: [MAX_SPAN + 5] },
    { finished: [4] },
    { failing: [{ ...job, offset: 4 }] },
    { failing: new Array(MAX_FAILING + 1).fill({ ...job, offset: 5 }) },
    { failing: [{ ...job, offset: 5, counters: new Array(MAX_COUNTERS + 1).fill(1) }] },
    { failing: [{ ...job, offset: 5, nextRetryAt: LAST_TIME + 1 }] },
    { topicId: "not-an-id" },
  ];
  for (const each of wrong) {
    assert.throws(
      () => encodeCommitMetadata(5, { ...EMPTY, ...each }),
      CommitMetadataError,
      JSON.stringify(each).slice(0, 80),
    );
  }
});

test("S3.8 a commit by something else has no metadata, and another version is a named error", () => {
  assert.equal(decodeCommitMetadata(0, ""), undefined);
  const text = encodeCommitMetadata(0, EMPTY);
  assert.throws(
    () => decodeCommitMetadata(0, `2${text.slice(1)}`),
    (error: Error) => error instanceof CommitMetadataError && /begins with "2o/.test(error.message),
  );
});

test("S8.11 metadata of any text is read or is a named error", () => {
  const valid = fc
    .tuple(deltas, fc.array(failing, { maxLength: 4 }))
    .map(([finished, jobs]) => encodeCommitMetadata(0, { ...EMPTY, finished, failing: jobs }));
  const damaged = fc
    .tuple(valid, fc.nat(), fc.string({ maxLength: 3 }), fc.nat({ max: 3 }))
    .map(([text, at, put, cut]) => {
      const i = at % text.length;
      return text.slice(0, i) + put + text.slice(i + cut);
    });
  fc.assert(
    fc.property(
      fc.oneof(
        damaged,
        fc.string(),
        fc.string().map((rest) => `1o${rest}`),
      ),
      (text) => {
        try {
          const read = decodeCommitMetadata(0, text);
          if (read !== undefined) assert.ok(read.finished.every((offset) => offset < MAX_SPAN + 6));
        } catch (error) {
          assert.ok(error instanceof CommitMetadataError, String(error));
        }
      },
    ),
    { numRuns: fuzzRuns(1_000) },
  );
});
