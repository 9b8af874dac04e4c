import assert from "node:assert/strict";
import { test } from "node:test";
import { BatchBuilder, NO_PRODUCER } from "../../protocol/batch-builder.ts";
import { crc32c } from "../../protocol/crc32c.ts";
import { CRC_START, FIELD_AT } from "../../protocol/record-batch.ts";
import { encodeCommitMetadata } from "../../src/jobs/commit-metadata.ts";
import { startWorkerBench, type WorkerBench } from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

test("S3.1 jobs that finished are committed an interval later, and a kill runs again exactly what came after", async (t) => {
  const bench = await startWorkerBench(t);
  const first = bench.process("first").job("q", (_payload, _job, { sleep }) => sleep(100));
  await first.work({ commitInterval: "1s" });
  await bench.produce("q", 0, range(30));
  await bench.until(() => bench.commits.length === 1);
  await bench.until(() => bench.committed("q", 0) !== undefined);
  const { offset } = bench.committed("q", 0)!;
  await bench.until(() => bench.starts.length === offset + 6);
  first.crash();
  const finished = bench.starts.length - 1;
  assert.equal(finished, offset + 5);
  await bench.process("second").job("q").work();
  await bench.until(() => bench.lag("q")[0] === 0);
  assert.deepEqual(
    bench.ran("q", 0, "second"),
    range(30).filter((each) => each >= offset),
    "everything from the commit on, and nothing before it",
  );
  assert.deepEqual(bench.ran("q", 0, "first"), range(finished + 1));
});

test("S3.1 a commit comes no sooner than an interval after the one before", async (t) => {
  const bench = await startWorkerBench(t);
  await bench
    .process("w")
    .job("q", (_payload, _job, { sleep }) => sleep(70))
    .work({ commitInterval: "1s" });
  await bench.produce("q", 0, range(60));
  await bench.until(() => bench.lag("q")[0] === 0);
  const times = bench.commits.map(({ at }) => at);
  assert.ok(times.length >= 4, `${times.length} commits`);
  for (let i = 1; i < times.length; i++) assert.ok(times[i]! - times[i - 1]! >= 1_000, `${times}`);
});

test("S3.1 commitInterval 0 commits after each job", async (t) => {
  const bench = await startWorkerBench(t);
  const first = bench.process("first").job("q", (_payload, _job, { sleep }) => sleep(100));
  await first.work({ commitInterval: 0 });
  await bench.produce("q", 0, range(10));
  await bench.until(() => bench.starts.length === 8);
  assert.deepEqual(
    bench.commits.map(({ offset }) => offset),
    [0, 1, 2, 3, 4, 5, 6, 7],
    "the first says that jobs are started",
  );
  first.crash();
  await bench.process("second").job("q").work();
  await bench.until(() => bench.lag("q")[0] === 0);
  assert.deepEqual(bench.ran("q", 0, "second"), [7, 8, 9], "only the job that was running runs again");
});

/** Appends a batch to the log as a broker's own machinery would: markers, and what compaction has left. */
function append(
  bench: WorkerBench,
  payloads: readonly number[],
  more: { control?: boolean; gone?: number } = {},
): void {
  const builder = new BatchBuilder(1 << 16);
  const text = new TextEncoder();
  const headers = [["ottla-job", text.encode("work")]] as const;
  for (const payload of payloads) {
    // A marker's key: its version, and 1 for "commit".
    const key = more.control === true ? Uint8Array.of(0, 0, 0, 1) : text.encode("k");
    builder.append(key, text.encode(JSON.stringify(payload)), bench.time.time, headers);
  }
  builder.close("none");
  const bytes = builder.stamped(NO_PRODUCER).slice();
  const view = new DataView(bytes.buffer);
  const offsetCount = payloads.length + (more.gone ?? 0);
  view.setInt32(FIELD_AT.lastOffsetDelta, offsetCount - 1);
  if (more.control === true) view.setInt16(FIELD_AT.attributes, 0x30);
  view.setUint32(FIELD_AT.crc, crc32c(bytes, CRC_START, bytes.length));
  bench.log("q", 0).append({ bytes, offsetCount, maxTimestamp: bench.time.time }, 0);
}

test("S3.2 markers and compacted-away offsets count as finished: lag reaches 0", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w").job("q");
  append(bench, [0, 1], { gone: 3 });
  append(bench, [5]);
  append(bench, [0], { control: true });
  append(bench, [7]);
  append(bench, [0], { control: true });
  append(bench, [0], { control: true });
  await process.work();
  await bench.until(() => bench.lag("q")[0] === 0);
  assert.deepEqual(bench.ran("q", 0), [0, 1, 5, 7]);
  assert.deepEqual(bench.committed("q", 0)!.offset, 10);
  assert.deepEqual(process.seen("error"), []);
});

test("S3.2 a partition that holds nothing but markers is committed to its end", async (t) => {
  const bench = await startWorkerBench(t);
  append(bench, [0], { control: true });
  append(bench, [0], { control: true });
  await bench.process("w").job("q").work();
  await bench.until(() => bench.lag("q")[0] === 0);
  assert.deepEqual(bench.starts, []);
});

test("S3.2 a failed job that compaction takes away holds nothing up", async (t) => {
  const bench = await startWorkerBench(t);
  append(bench, [0], { control: true });
  append(bench, [1, 2]);
  const topicId = bench.broker.topics()[0]!.id;
  const failing = [{ offset: 0, attempt: 3, counters: [], nextRetryAt: 0, suspect: false }];
  bench.commit("q", 0, 0, encodeCommitMetadata(0, { topicId, open: false, finished: [], failing }));
  const process = bench.process("w").job("q", (_payload, _job, { sleep }) => sleep(100));
  await process.work({ commitInterval: 0 });
  await bench.until(() => bench.lag("q")[0] === 0);
  assert.deepEqual(
    bench.commits.map(({ offset }) => offset),
    [1, 2, 3],
    "it passes the gap before the next job has ended",
  );
  assert.deepEqual(bench.ran("q", 0), [1, 2]);
  assert.deepEqual(bench.commits.at(-1)!.metadata!.failing, []);
  assert.deepEqual(process.seen("error"), []);
});

test("S3.3 jobs of a partition run in offset order, one at a time, and partitions beside each other", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 3 } });
  const running = new Set<string>();
  let most = 0;
  const process = bench.process("w").job("q", async (payload, { topic, partition }, { sleep }) => {
    const key = `${topic}/${partition}`;
    assert.ok(!running.has(key), `two jobs of ${key} run at once`);
    running.add(key);
    most = Math.max(most, running.size);
    await sleep((payload as number) % 7);
    running.delete(key);
  });
  await process.work();
  for (const partition of range(3)) await bench.produce("q", partition, range(40));
  await bench.until(() => bench.lag("q").every((lag) => lag === 0));
  for (const partition of range(3)) assert.deepEqual(bench.ran("q", partition), range(40));
  assert.equal(most, 3);
  assert.deepEqual(process.seen("failed"), []);
});

test("S3.4 concurrency caps what runs over all partitions, and each partition gets its turn", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 6 } });
  let running = 0;
  let most = 0;
  const process = bench.process("w").job("q", async (_payload, _job, { sleep }) => {
    most = Math.max(most, ++running);
    await sleep(100);
    running--;
  });
  const worker = await process.work({ concurrency: 2 });
  for (const partition of range(6)) await bench.produce("q", partition, range(10));
  await bench.until(() => bench.starts.length >= 12);
  assert.equal(worker.status().running, 2);
  const soFar = range(6).map((partition) => bench.ran("q", partition).length);
  assert.ok(Math.max(...soFar) - Math.min(...soFar) <= 1, `no partition is passed over: ${soFar}`);
  await bench.until(() => bench.lag("q").every((lag) => lag === 0));
  assert.equal(most, 2);
});

test("S3.4 a job that waits for its next attempt holds no slot", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 3 } });
  const process = bench.process("w").job("q", (payload) => {
    if (payload === "bad") throw new Error("as planned");
  });
  const worker = await process.work({ concurrency: 1 });
  await bench.produce("q", 0, ["bad"]);
  await bench.produce("q", 1, ["bad"]);
  await bench.until(() => process.seen("failed").length >= 2);
  assert.equal(worker.status().running, 0);
  await bench.produce("q", 2, range(50));
  const failures = process.seen("failed").length;
  await bench.until(() => bench.lag("q")[2] === 0);
  assert.deepEqual(bench.ran("q", 2), range(50));
  assert.ok(process.seen("failed").length - failures <= 4, "they ran while the others waited");
});
