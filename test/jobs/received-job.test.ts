import assert from "node:assert/strict";
import { test } from "node:test";
import { readLetter } from "../../src/jobs/dead-letter.ts";
import { InvalidOptionError, UnreadableRecordError } from "../../src/jobs/errors.ts";
import { checkUserHeaders, writeHeaders } from "../../src/jobs/headers.ts";
import { type JobRecord, ReceivedJob } from "../../src/jobs/received-job.ts";

const utf8 = new TextEncoder();

function record(headers: readonly (readonly [string, string | null])[], key: string | null = null): JobRecord {
  return {
    offset: 42,
    timestamp: Date.UTC(2026, 0, 2),
    key: key === null ? null : utf8.encode(key),
    value: utf8.encode("{}"),
    headers: headers.map(([name, value]) => [name, value === null ? null : utf8.encode(value)]),
  };
}

test("S1.2 headers are read as they were written", () => {
  const headers = writeHeaders({
    name: "a-job",
    id: "0190-id",
    enqueuedAt: "2026-01-01T00:00:00.000Z",
    key: "user-7",
    isVoid: false,
    user: { source: "web", ö: "ß" },
  });
  assert.deepEqual(
    headers.map(([name]) => name),
    ["ottla-job", "ottla-id", "ottla-enqueued-at", "ottla-key", "source", "ö"],
  );
  const job = new ReceivedJob("q", 3, record(headers));
  assert.equal(job.name, "a-job");
  assert.equal(job.id, "0190-id");
  assert.equal(job.key, "user-7");
  assert.equal(job.enqueuedAt.toISOString(), "2026-01-01T00:00:00.000Z");
  assert.deepEqual(job.headers, { source: "web", ö: "ß" });
  assert.equal(job.isVoid, false);
});

test("S1.2 the record's key is the job's where no header says otherwise", () => {
  assert.equal(new ReceivedJob("q", 0, record([["ottla-job", "a"]], "k")).key, "k");
  assert.equal(
    new ReceivedJob(
      "q",
      0,
      record(
        [
          ["ottla-job", "a"],
          ["ottla-key", "o"],
        ],
        "k",
      ),
    ).key,
    "o",
  );
  assert.equal(new ReceivedJob("q", 0, record([["ottla-job", "a"]])).key, undefined);
  assert.equal(new ReceivedJob("q", 0, record([["ottla-job", "a"]], "")).key, "");
});

test("S1.2 text that begins with U+FEFF is read as it was written: it is another key", () => {
  for (const key of ["\ufeffa", "a"]) {
    assert.equal(new ReceivedJob("q", 0, record([["ottla-job", "a"]], key)).key, key);
    assert.equal(
      new ReceivedJob(
        "q",
        0,
        record([
          ["ottla-job", "a"],
          ["ottla-key", key],
        ]),
      ).key,
      key,
    );
  }
});

test("S1.1 a foreign producer needs no more than the job's name", () => {
  const job = new ReceivedJob(
    "q",
    3,
    record([
      ["ottla-job", "a"],
      ["x", null],
    ]),
  );
  assert.equal(job.id, "q/3/42");
  assert.equal(job.enqueuedAt.getTime(), Date.UTC(2026, 0, 2));
  assert.deepEqual(job.headers, {});
  assert.equal(
    new ReceivedJob(
      "q",
      3,
      record([
        ["ottla-job", "a"],
        ["ottla-enqueued-at", "soon"],
      ]),
    ).enqueuedAt.getTime(),
    Date.UTC(2026, 0, 2),
  );
});

test("S1.1 a foreign producer's time may be beyond all dates: job and dead letter have the last, or the first", () => {
  for (const [timestamp, date] of [
    [Number.MAX_SAFE_INTEGER, "+275760-09-13T00:00:00.000Z"],
    [Number.MIN_SAFE_INTEGER, "-271821-04-20T00:00:00.000Z"],
  ] as const) {
    const foreign = { ...record([["ottla-job", "a"]]), timestamp };
    assert.equal(new ReceivedJob("q", 3, foreign).enqueuedAt.toISOString(), date);
    assert.equal(readLetter("dead", 3, foreign).diedAt.toISOString(), date);
  }
});

test("S1.2 unknown headers of Ottla's own do no harm, and the last of one name counts", () => {
  const job = new ReceivedJob(
    "q",
    3,
    record([
      ["ottla-job", "a"],
      ["ottla-future", "1"],
      ["ottla-id", "x"],
      ["ottla-id", "y"],
      ["__proto__", "p"],
    ]),
  );
  assert.equal(job.text("ottla-future"), "1");
  assert.equal(job.id, "y");
  assert.deepEqual(Object.entries(job.headers), [["__proto__", "p"]]);
});

test("S4.7 a record that names no job is an error that says where it is", () => {
  for (const headers of [[], [["ottla-job", null]], [["ottla-job", ""]], [["Ottla-Job", "a"]]] as [
    string,
    string | null,
  ][][]) {
    assert.throws(
      () => new ReceivedJob("q", 3, record(headers)),
      (error: Error) =>
        error instanceof UnreadableRecordError && /q\/3\/42 has no ottla-job header/.test(error.message),
    );
  }
});

test("S1.2 headers of the user's own are text, under names of their own", () => {
  const given = { a: "1" };
  const checked = checkUserHeaders(given, "headers");
  given.a = "2";
  assert.deepEqual(checked, { a: "1" });
  for (const wrong of [{ "ottla-x": "1" }, { "Ottla-id": "1" }, { a: 1 }, { a: undefined }, { "": "1" }, [], "a", 7]) {
    assert.throws(() => checkUserHeaders(wrong, "headers"), InvalidOptionError, JSON.stringify(wrong));
  }
});
