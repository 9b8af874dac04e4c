import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findRuntime, THIS_RUNTIME } from "../support/runtime-program.ts";
import { inProcessSite } from "./chaos-site.ts";
import type { Fault } from "./choose-faults.ts";
import { playRound } from "./play-round.ts";
import { reportPage } from "./report.ts";

const TIMEOUT = 180_000;
const fault = (kind: Fault["kind"], changes: Partial<Fault> = {}): Fault => ({
  ...{ kind, target: 0.4, count: 1, ms: 300, reach: "worker" },
  ...changes,
});
/** One of each place, two of them at once. Who is half open takes its time to close: that has tests of its own. */
const FAULTS: readonly (readonly Fault[])[] = [
  [fault("kill"), fault("cut", { target: 0.9 })],
  [fault("brokerKill"), fault("growth")],
];

test("S8.1-9 hold on several runtimes while processes, nodes and connections are hurt, and a queue grows", {
  timeout: TIMEOUT,
}, async (t) => {
  const found = await Promise.all((["node", "deno", "bun"] as const).map(findRuntime));
  const runtimes = found.flatMap((each) => each ?? []);
  const folder = mkdtempSync(join(tmpdir(), "ottla-chaos-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const site = await inProcessSite();
  t.after(() => site.close());
  const record = await playRound(site, {
    ...{ seed: 1, name: "chaos", groupProtocol: "classic", partitions: 4, workers: 2, faults: FAULTS, lasts: 0 },
    tell: (what) => t.diagnostic(what),
    runtimes: runtimes.length > 0 ? runtimes : [THIS_RUNTIME],
    ...{ folder: join(folder, "workers"), ledgerPath: join(folder, "ledger.json") },
    frame: { round: 1, seed: 1, commit: "", versions: { kafka: site.version } },
    signal: new AbortController().signal,
  });
  t.diagnostic(JSON.stringify({ ...record.counts, ...record.byRuntime }));
  assert.deepEqual(record.firstProblems, []);
  assert.deepEqual(
    record.passages.map(({ faults }) => faults.map(({ kind }) => kind)),
    FAULTS.map((faults) => faults.map(({ kind }) => kind)),
  );
  assert.deepEqual(record.partitions, [4, 6]);
  const { counts } = record;
  assert.ok(counts.enqueued > 0 && counts.dispatched > 0 && counts.died > 0 && counts.hired > 2);
  assert.match(reportPage([record]), /✓ All that is guaranteed held/);
});
