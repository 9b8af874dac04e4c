import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULTS } from "../../src/jobs/defaults.ts";
import { InvalidOptionError } from "../../src/jobs/errors.ts";
import { resolveWorkOptions } from "../../src/jobs/work-options.ts";
import { startWorkerBench } from "../support/worker-bench.ts";

test("S9 a worker's options have their defaults", () => {
  assert.deepEqual(resolveWorkOptions(undefined, ["a", "b"]), {
    queues: ["a", "b"],
    patterns: false,
    signal: undefined,
    scheduler: true,
    groupProtocol: undefined,
    instanceId: undefined,
    concurrency: 100,
    commitInterval: 1_000,
    checkpointInterval: 5_000,
    revokeGrace: 30_000,
    shutdownTimeout: 60_000,
    sessionTimeout: 10_000,
    rebalanceTimeout: 60_000,
    unknownJobGrace: 600_000,
    patternInterval: 30_000,
    stuckAfter: 300_000,
    maxBatchJobs: 1_000,
    maxBufferedBytes: 64 * 1024 * 1024,
  });
  assert.equal(DEFAULTS.leaseMargin, 1_000);
});

test("S9 a worker's options replace the defaults", () => {
  const { signal } = new AbortController();
  const given = {
    ...{ queues: ["b", "b"], signal, concurrency: 3, commitInterval: 0, revokeGrace: "10s", shutdownTimeout: "0s" },
    ...{ sessionTimeout: "30s", rebalanceTimeout: "15s", maxBatchJobs: 5, maxBufferedBytes: 1 },
    ...{ groupProtocol: "classic", instanceId: "pod-7", patternInterval: "1m", stuckAfter: 5, unknownJobGrace: "2m" },
    ...{ checkpointInterval: "2s", scheduler: false },
  };
  assert.deepEqual(resolveWorkOptions(given, ["a", "b"]), {
    ...{ queues: ["b"], signal, concurrency: 3, commitInterval: 0, revokeGrace: 10_000, shutdownTimeout: 0 },
    ...{ sessionTimeout: 30_000, rebalanceTimeout: 15_000, maxBatchJobs: 5, maxBufferedBytes: 1 },
    ...{ groupProtocol: "classic", instanceId: "pod-7", patterns: false, patternInterval: 60_000, stuckAfter: 5 },
    ...{ unknownJobGrace: 120_000, checkpointInterval: 2_000, scheduler: false },
  });
});

const REFUSED: readonly (readonly [options: unknown, option: string, problem: RegExp])[] = [
  [{ concurency: 1 }, "work.concurency", /concurrency/],
  [7, "work", /7/],
  [{ concurrency: 0 }, "work.concurrency", /0 given/],
  [{ concurrency: 1.5 }, "work.concurrency", /whole number/],
  [{ maxBatchJobs: -1 }, "work.maxBatchJobs", /-1/],
  [{ maxBufferedBytes: "64MiB" }, "work.maxBufferedBytes", /64MiB/],
  [{ commitInterval: "-5s" }, "work.commitInterval", /-5s/],
  [{ commitInterval: Number.NaN }, "work.commitInterval", /NaN/],
  [{ sessionTimeout: "2s" }, "work.sessionTimeout", /more than 2000 ms/],
  [{ sessionTimeout: "2h" }, "work.sessionTimeout", /at most 1 h/],
  [{ rebalanceTimeout: "30d" }, "work.rebalanceTimeout", /24 days/],
  [{ revokeGrace: "56s" }, "work.revokeGrace", /56000 ms.*55000 ms/],
  [{ rebalanceTimeout: "20s" }, "work.revokeGrace", /30000 ms.*15000 ms/],
  [{ queues: [] }, "work.queues", /list of queue names/],
  [{ queues: "a" }, "work.queues", /list of queue names/],
  [{ queues: ["a", 1] }, "work.queues", /list of queue names/],
  [{ queues: ["a", "c"] }, "work.queues", /"c".*a, b/],
  [{ signal: {} }, "work.signal", /AbortSignal/],
  [{ groupProtocol: "kip848" }, "work.groupProtocol", /"kip848".*"classic", "consumer"/],
  [{ instanceId: "" }, "work.instanceId", /"" given.*1 to 249/],
  [{ instanceId: 7 }, "work.instanceId", /7 given/],
  [{ instanceId: "pod 7" }, "work.instanceId", /"pod 7"/],
];

for (const [options, option, problem] of REFUSED) {
  test(`S9 the work options ${JSON.stringify(options)} are refused by their path`, () => {
    assert.throws(
      () => resolveWorkOptions(options, ["a", "b"]),
      (error: Error) => error instanceof InvalidOptionError && error.option === option && problem.test(error.message),
    );
  });
}

test("S6.1 a revokeGrace of the rebalance timeout less 5 s is taken", () => {
  assert.equal(resolveWorkOptions({ revokeGrace: "55s" }, ["a"]).revokeGrace, 55_000);
});

test("an app without jobs or without a group does not work", async (t) => {
  const bench = await startWorkerBench(t);
  await assert.rejects(bench.process("jobless").work(), { name: "InvalidOptionError", option: "work.queues" });
  const single = bench.process("single", { group: undefined });
  await assert.rejects(single.job("q").work(), { name: "InvalidOptionError", option: "group" });
});

test("S2.7 a worker does not start on a topic that is missing or has other partitions than declared", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const missing = bench.process("missing").job("nowhere");
  await assert.rejects(missing.work(), (error: Error) => {
    assert.equal(error.name, "TopicMissingError");
    assert.match(error.message, /nowhere.*topics apply/s);
    return true;
  });
  const other = bench.process("other", { queues: { q: { partitions: 3 } } }).job("q");
  await assert.rejects(other.work(), (error: Error) => {
    assert.equal(error.name, "PartitionMismatchError");
    assert.match(error.message, /topic q has 2 partitions.*says 3/);
    return true;
  });
  const allowed = bench.process("allowed", { queues: { q: { partitions: 3, allowPartitionMismatch: true } } });
  await allowed.job("q").work();
  assert.deepEqual(missing.events, []);
});

test("a worker on some queues leaves the others alone", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, r: 1 } });
  const process = bench.process("w").job("q");
  process.app.job({ name: "r", queue: "r", perform: () => assert.fail("not to run here") });
  await process.work({ queues: ["q"] });
  for (const topic of ["q", "r"]) await bench.produce(topic, 0, [1, 2]);
  await bench.until(() => bench.lag("q")[0] === 0);
  assert.deepEqual(process.seen("assigned"), [{ partitions: [{ topic: "q", partition: 0 }] }]);
  assert.equal(bench.committed("r", 0), undefined);
});
