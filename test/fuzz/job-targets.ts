import assert from "node:assert/strict";
import { BatchBuilder } from "../../protocol/batch-builder.ts";
import { CodecUnavailableError } from "../../protocol/compression.ts";
import { DecodeError } from "../../protocol/reader.ts";
import { type KafkaRecord, readFetched } from "../../protocol/records.ts";
import { encodeUtf8 } from "../../protocol/utf8.ts";
import { decodeCommitMetadata, encodeCommitMetadata } from "../../src/jobs/commit-metadata.ts";
import { Contexts } from "../../src/jobs/contexts.ts";
import { readLetter, readLetterContent } from "../../src/jobs/dead-letter.ts";
import { entryIdText, readEntryId } from "../../src/jobs/entry-id.ts";
import { CommitMetadataError, UnreadableRecordError } from "../../src/jobs/errors.ts";
import { carriedFailures } from "../../src/jobs/failure-book.ts";
import { readIsoTime } from "../../src/jobs/iso-time.ts";
import { deadLetter, redriven, requeued } from "../../src/jobs/moved-record.ts";
import { parkedOf, parkedRecord, unparkedRecord } from "../../src/jobs/parked-record.ts";
import { decodeProgress, encodeProgress } from "../../src/jobs/progress.ts";
import { carriedProgress } from "../../src/jobs/progress-record.ts";
import { headerOf, ReceivedJob } from "../../src/jobs/received-job.ts";
import { ScheduleContents } from "../../src/jobs/schedule-contents.ts";
import { dispatchedRecord, targetOf } from "../../src/jobs/schedule-entry.ts";
import { readRequest, readVerdict, rescheduledEntry } from "../../src/jobs/schedule-request.ts";
import { SeenIds } from "../../src/jobs/seen-ids.ts";
import { decodePayload, jsonSerializer } from "../../src/jobs/serializer.ts";
import { StateScan } from "../../src/jobs/state-scan.ts";
import { StepError } from "../../src/jobs/step-errors.ts";
import { withCrcs } from "./protocol-targets.ts";
import { allowing, type FuzzTarget, textOf, texts } from "./target.ts";

const AT = { topic: "t", partition: 1, offset: 7 };
const LIMIT = 1 << 16;

interface Written {
  readonly key?: string;
  readonly value: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

function batchOf(...records: readonly Written[]): Uint8Array {
  const builder = new BatchBuilder(1 << 20);
  for (const { key, value, headers = {} } of records) {
    const all = Object.entries(headers).map(([name, text]) => [name, encodeUtf8(text)] as const);
    const bytes = [key ?? null, value].map((text) => (text === null ? null : encodeUtf8(text)));
    builder.append(bytes[0]!, bytes[1]!, 1_700_000_000_000, all);
  }
  builder.close("none");
  return builder.stamped({ producerId: -1, producerEpoch: -1, baseSequence: -1, transactional: false });
}

/** The records of an input that is a batch; those with headers that can be read. */
function recordsIn(input: Uint8Array): KafkaRecord[] {
  const errors = [DecodeError, CodecUnavailableError];
  const records = allowing(errors, () => readFetched(withCrcs(input), 0, null, LIMIT).records) ?? [];
  return records.filter((record) => allowing([DecodeError], () => record.headers) !== undefined);
}

const JOB = {
  ...{
    "ottla-job": "mail",
    "ottla-id": "018f2b6e-0000-7000-8000-000000000001",
    "ottla-version": "2",
    "ottla-key": "k",
  },
  ...{ "ottla-enqueued-at": "2026-01-01T00:00:00.000Z", "ottla-attempt": "3", "ottla-retries": "1,2", own: "x" },
  ...{ "ottla-resumption": "2", "ottla-progress": '{"steps":["a"],"step":{"name":"b","cursor":[1]}}' },
  ...{ "ottla-tick": "2026-01-01T00:00:00.000Z", "ottla-payload": "none", "ottla-context-tenant": '{"a":1}' },
};
const LETTER = {
  ...JOB,
  "ottla-origin": "t/0/12",
  "ottla-error": "Error: no",
  "ottla-redrive": "1",
  "ottla-target": "q",
};

/** Jobs and dead letters: all that is read of them, and the records that moves make of them. */
const jobs: FuzzTarget = {
  name: "job-records",
  watched:
    /\/src\/jobs\/(received-job|dead-letter|failure-book|moved-record|parked-record|progress|contexts|serializer|seen)/,
  seeds: () => [
    batchOf({ key: "k", value: '{"a":[1,null]}', headers: JOB }),
    batchOf({ value: null, headers: LETTER }),
    batchOf({ key: "k", value: "1", headers: JOB }, { key: "k", value: "1", headers: JOB }),
  ],
  run(input) {
    const seen = new SeenIds(60_000, 120_000, 1);
    for (const record of recordsIn(input)) {
      const letter = readLetterContent(readLetter("t", 1, record), record, true);
      assert.doesNotThrow(() => letter.diedAt.toISOString(), "a letter without a time");
      for (const move of [deadLetter(record, AT, "dead", new Error("no")), redriven(record, AT, "t", 1)])
        assert.equal(move.value, record.value === null ? null : move.value);
      requeued(record, AT, { attempt: 1, counters: [] });
      const parked = parkedRecord(record, AT, { topic: "s", partition: 0 }, { by: "key:k", topicId: "id" });
      assert.ok(parked.value !== null);
      seen.see(headerOf(record, "ottla-id") ?? new Uint8Array(1), record.timestamp, record.offset, 1_700_000_000_000);
      const job = allowing([UnreadableRecordError], () => new ReceivedJob("t", 1, record));
      if (job !== undefined) readJob(job);
    }
  },
};

function readJob(job: ReceivedJob): void {
  assert.doesNotThrow(() => job.enqueuedAt.toISOString(), "a job without a time");
  assert.equal(typeof job.id, "string");
  for (const value of Object.values(job.headers)) assert.equal(typeof value, "string");
  job.tick?.toISOString();
  allowing([UnreadableRecordError], () => job.version);
  allowing([UnreadableRecordError], () => decodePayload(jsonSerializer, job.value, job.isVoid));
  const { attempt, counters } = carriedFailures(job);
  assert.ok(attempt >= 0 && counters.length <= 8);
  allowing([StepError], () => carriedProgress(job));
  const contexts = new Contexts();
  contexts.add({ getStore: () => undefined, run: (_value, work) => work() }, { name: "tenant" });
  allowing([UnreadableRecordError], () => contexts.runReceived(job, () => {}));
}

const ENTRY = "018f2b6e-0000-7000-8000-000000000001";
const WAITING = { "ottla-at": "2026-01-01T00:00:00.000Z", "ottla-target": "q", "ottla-target-partition": "3" };
const REQUEST = `{"kind":"reschedule","entry":"${ENTRY}","at":"2026-02-01T00:00:00.000Z"}`;
const SCHEDULED: readonly Written[] = [
  { key: ENTRY, value: "{}", headers: { ...JOB, ...WAITING, "ottla-record-key": "k" } },
  { key: ENTRY.replace("1", "2"), value: "{}", headers: { ...WAITING, "ottla-at": "2026-01-01" } },
  { key: `request/${ENTRY}`, value: REQUEST },
  { key: "request/1", value: `{"kind":"cancel","entry":"${ENTRY}"}` },
  { key: ENTRY, value: "", headers: { ...WAITING, "ottla-verdict": "rescheduled", "ottla-request": "request/1" } },
  { key: ENTRY, value: null, headers: { "ottla-verdict": "cancelled", "ottla-request": "request/1" } },
];

/** What a schedule topic has: entries, requests, verdicts, tombstones. */
const schedules: FuzzTarget = {
  name: "schedule-records",
  watched: /\/src\/jobs\/(schedule-|entry-id|iso-time|heap)/,
  seeds: () => [...SCHEDULED.map((one) => batchOf(one)), batchOf(...SCHEDULED, ...SCHEDULED.slice(0, 4))],
  run(input) {
    const [loaded, followed] = [new ScheduleContents(), new ScheduleContents()];
    for (const record of recordsIn(input)) {
      const due = loaded.take(record);
      assert.ok(due === undefined || Math.abs(due) <= 8.64e15, `due at ${due}`);
      followed.follow(record);
      const target = targetOf(record);
      if (target !== undefined) dispatchedRecord(record, AT, target);
      readVerdict(record);
      const request = readRequest(record);
      if (request?.kind === "reschedule") rescheduledEntry(record, "request/1", request.at, AT);
      if (record.key === null) continue;
      const id = new Int32Array(4);
      if (readEntryId(record.key, id)) assert.equal(entryIdText(id, 0), textOf(record.key));
    }
  },
};

const STATE = { "ottla-parked-by": "key:k", "ottla-topic-id": "id", "ottla-record-key": "k", "ottla-no-value": "" };

/** What `<group>-state` has. */
const states: FuzzTarget = {
  name: "state-records",
  watched: /\/src\/jobs\/(state-|parked-record|progress|recurring-record|well-formed)/,
  seeds: () => [
    batchOf({ key: "park/t/1/7", value: "", headers: { ...JOB, ...STATE } }, { key: "release/t/1/x", value: "key:k" }),
    batchOf(
      { key: "progress/t/1/7", value: JOB["ottla-progress"], headers: STATE },
      { key: "progress/t/1/7", value: null },
    ),
    batchOf({ key: "recurring/t/1/n", value: '{"last":"2026-01-01","paused":true,"cron":"@daily","timeZone":"UTC"}' }),
  ],
  run(input) {
    const scan = new StateScan(() => true);
    for (const record of recordsIn(input)) {
      scan.take(record);
      if (parkedOf(record) !== undefined) unparkedRecord(record, 7);
    }
    const { parked, recurring } = scan.of({ topic: "t", partition: 1 });
    assert.ok(parked.every(({ offset }) => Number.isFinite(offset)));
    assert.ok(recurring.every(({ last }) => Number.isFinite(last)));
    for (const place of scan.partitions) assert.ok(Number.isFinite(place.partition));
  },
};

const commitMetadata: FuzzTarget = {
  name: "commit-metadata",
  watched: /\/src\/jobs\/commit-metadata\.ts/,
  isText: true,
  seeds: () =>
    [[], [12, 13, 90], [10]].map((finished) => {
      const failing = finished.slice(0, 1).map((offset) => {
        return { offset, attempt: 3, counters: [1, 2], nextRetryAt: 1_700_000_000_000, suspect: true };
      });
      return encodeUtf8(encodeCommitMetadata(10, { topicId: ENTRY, open: finished.length > 1, finished, failing }));
    }),
  run(input) {
    const read = allowing([CommitMetadataError], () => decodeCommitMetadata(10, textOf(input)));
    if (read !== undefined) assert.deepEqual(decodeCommitMetadata(10, encodeCommitMetadata(10, read)), read);
  },
};

const progress: FuzzTarget = {
  name: "progress",
  watched: /\/src\/jobs\/(progress|well-formed)\.ts/,
  isText: true,
  words: [
    '"steps":',
    '"step":',
    '"name":',
    '"cursor":',
    '"resumptions":',
    '"resumeAt":',
    "null",
    "1e3",
    "\\ud800",
    "__proto__",
  ],
  seeds: texts('{"steps":["a"],"step":{"name":"b","cursor":[1]},"resumptions":2,"resumeAt":5}', '{"steps":[]}'),
  run(input) {
    const read = decodeProgress(textOf(input));
    if (read !== undefined) assert.deepEqual(decodeProgress(encodeProgress(read)), read);
  },
};

/** The quick way to a time gives what the runtime's own does. */
const times: FuzzTarget = {
  name: "times",
  watched: /\/src\/jobs\/iso-time\.ts/,
  isText: true,
  seeds: texts("2026-01-01T00:00:00.000Z", "0099-12-31T23:59:59.999Z", "2024-02-29T12:00:00.000Z"),
  run(input) {
    const read = readIsoTime(input);
    const own = Date.parse(textOf(input));
    // A day that its month does not have is none, whatever runtimes make of it.
    if (!Number.isNaN(read)) assert.equal(read, own);
    else if (!Number.isNaN(own)) assert.notEqual(new Date(own).toISOString(), textOf(input));
  },
};

export const jobTargets: readonly FuzzTarget[] = [jobs, schedules, states, commitMetadata, progress, times];
