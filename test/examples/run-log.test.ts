import assert from "node:assert/strict";
import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { logRun, RunLogs } from "../../examples/flights/run-log.ts";

const what = { key: "DTW", partition: 2, offset: 7 };

test("run log is followed as workers write it", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "ottla-log-"));
  t.after(() => rm(directory, { recursive: true }));
  const logs = new RunLogs(directory);
  assert.deepEqual(await logs.next(), []);
  logRun(directory, { event: "start", worker: "B", ...what });
  logRun(directory, { event: "start", worker: "A", ...what });
  const first = await logs.next();
  assert.deepEqual(
    first.map(({ at, ...rest }) => rest),
    ["A", "B"].map((worker) => ({ event: "start", worker, ...what })),
  );
  assert.ok(first.every(({ at }) => Number.isFinite(at)));
  assert.deepEqual(await logs.next(), []);
  logRun(directory, { event: "end", worker: "B", changed: false, ...what });
  assert.deepEqual(
    (await logs.next()).map(({ event, changed }) => ({ event, changed })),
    [{ event: "end", changed: false }],
  );
});

test("run log waits for the rest of a line that is half written", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "ottla-log-"));
  t.after(() => rm(directory, { recursive: true }));
  const logs = new RunLogs(directory);
  const line = `${JSON.stringify({ at: 1, event: "start", worker: "A", ...what })}\n`;
  await appendFile(join(directory, "A"), line + line.slice(0, 20));
  assert.equal((await logs.next()).length, 1);
  assert.equal((await logs.next()).length, 0);
  await appendFile(join(directory, "A"), line.slice(20));
  assert.deepEqual(await logs.next(), [{ at: 1, event: "start", worker: "A", ...what }]);
});
