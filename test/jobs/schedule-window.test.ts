import assert from "node:assert/strict";
import { test } from "node:test";
import type { FetchedRecord } from "../../src/client/fetcher.ts";
import type { Kafka } from "../../src/client/kafka.ts";
import type { ScheduleIndex } from "../../src/jobs/schedule-index.ts";
import { ScheduleWindow } from "../../src/jobs/schedule-window.ts";

function record(offset: number, byteLength: number): FetchedRecord {
  const own = { offset, byteLength, detached: () => own } as unknown as FetchedRecord;
  return own;
}

function windowOf(room: number): ScheduleWindow {
  const place = { topic: "later", partition: 0 };
  return new ScheduleWindow({} as Kafka, place, {} as ScheduleIndex, new AbortController().signal, () => room);
}

test("S8.10 of what has just come, and is due soon, no more is kept than there is room for", () => {
  const window = windowOf(100_000);
  for (let offset = 0; offset < 1_000; offset++) window.offer(record(offset, 1_000), 5_000, 0);
  assert.ok(window.bytes >= 100_000 && window.bytes < 102_000, `${window.bytes}`);
  for (let offset = 0; offset < 1_000; offset++) window.drop(offset);
  assert.equal(window.bytes, 0);
  window.offer(record(1_000, 10), 5_000, 0);
  assert.equal(window.get(1_000)!.offset, 1_000);
});

test("S8.10 what is due later is not kept at all", () => {
  const window = windowOf(100_000);
  window.offer(record(0, 10), 31_000, 0);
  assert.deepEqual([window.bytes, window.get(0)], [0, undefined]);
});
