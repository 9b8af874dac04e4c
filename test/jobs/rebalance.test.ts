import assert from "node:assert/strict";
import { test } from "node:test";
import type { FetchRequest } from "../../protocol/messages/01-fetch.ts";
import {
  JOIN_API,
  startWorkerBench,
  under,
  underBoth,
  type WorkerBench,
  type WorkerProcess,
} from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);
const GRACE = 5_000;
/** Whoever waits for a partition learns of its release by its next heartbeat. */
const BEAT = 2_000;

/** When the process was told, and of which partitions. */
function told(process: WorkerProcess, name: "revoked" | "assigned" | "lost"): { at: number; partitions: number[] }[] {
  return process.events
    .filter((seen) => seen.name === name)
    .map(({ at, event }) => {
      const { partitions } = event as { partitions: readonly { partition: number }[] };
      return { at, partitions: partitions.map(({ partition }) => partition) };
    });
}

const owned = (process: WorkerProcess): boolean => process.seen("assigned").length > 0;

underBoth(
  "S6.1 a revoked partition starts nothing more, ends and commits its running job, and is then released",
  async (t) => {
    const bench = await startWorkerBench(t, { topics: { q: 2 } });
    const slow = (_payload: unknown, _job: unknown, { sleep }: WorkerProcess): Promise<void> => sleep(3_000);
    const first = bench.process("first").job("q", slow);
    await first.work({ commitInterval: "1h" });
    for (const partition of range(2)) await bench.produce("q", partition, range(6));
    await bench.until(() => bench.starts.length === 4);
    const second = bench.process("second").job("q", slow);
    await second.work();
    await bench.until(() => owned(second));
    const [{ at: revokedAt, partitions }] = told(first, "revoked") as [ReturnType<typeof told>[number]];
    const [moved] = partitions as [number];
    const ofMoved = bench.starts.filter(({ by, partition }) => by === "first" && partition === moved);
    assert.ok(ofMoved.every(({ at }) => at <= revokedAt));
    const release = bench.commits.findLast(({ by, partition }) => by === "first" && partition === moved)!;
    assert.equal(release.offset, ofMoved.length, "the job that was running is committed");
    assert.equal(release.at, ofMoved.at(-1)!.at + 3_000, "as soon as it ended");
    assert.equal(release.metadata!.open, false);
    assert.ok(told(second, "assigned")[0]!.at >= release.at);
    assert.equal(ofMoved.at(-1)!.signal.aborted, false);
    await bench.until(() => bench.starts.length === 12);
    await bench.run(first.app.close());
    await bench.until(() => drained(bench));
    assert.deepEqual(bench.ran("q", moved), range(6), "no job runs twice");
  },
);

underBoth("S6.1 other partitions keep running through the rebalance", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const job = (_payload: unknown, { partition }: { partition: number }, { sleep }: WorkerProcess): Promise<void> =>
    sleep(partition === 1 ? 4_000 : 50);
  const first = bench.process("first").job("q", job);
  await first.work();
  await bench.produce("q", 0, range(400));
  await bench.produce("q", 1, range(2));
  await bench.until(() => bench.ran("q", 1).length === 1 && bench.starts.length > 20);
  const second = bench.process("second").job("q", job);
  await second.work();
  await bench.until(() => owned(second));
  assert.deepEqual(told(first, "revoked")[0]!.partitions, [1]);
  const times = bench.starts.filter(({ partition }) => partition === 0).map(({ at }) => at);
  const pauses = times.slice(1).map((at, i) => at - times[i]!);
  assert.ok(Math.max(...pauses) <= 60, `the longest pause is ${Math.max(...pauses)} ms`);
  assert.deepEqual(first.seen("lost"), []);
});

// Under KIP-848 a broker frees what a member gives up once it has given up all of it.
under(
  "classic",
  "S6.1 an idle partition is handed over though another, revoked with it, still runs its job",
  async (t) => {
    const bench = await startWorkerBench(t, { topics: { q: 4 } });
    const slow = (_payload: unknown, _job: unknown, { sleep }: WorkerProcess): Promise<void> => sleep(4_500);
    const first = bench.process("first").job("q", slow);
    await first.work();
    await bench.until(() => owned(first));
    const second = bench.process("second").job("q", slow);
    await second.work();
    for (const partition of range(4)) await bench.produce("q", partition, partition === 3 ? ["long"] : []);
    await bench.until(() => told(second, "assigned").flatMap(({ partitions }) => partitions).length === 2);
    const [revoked] = told(first, "revoked") as [ReturnType<typeof told>[number]];
    assert.deepEqual(revoked.partitions.toSorted(), [2, 3]);
    const at = (partition: number): number =>
      told(second, "assigned").find(({ partitions }) => partitions.includes(partition))!.at;
    const running = bench.starts.find(({ by }) => by === "first")!;
    assert.ok(running.at <= revoked.at, "the job ran when its partition was revoked");
    assert.ok(at(2) <= revoked.at + BEAT + 100, `handed over after ${at(2) - revoked.at} ms`);
    assert.ok(at(3) >= running.at + 4_500, "what runs is waited for");
  },
);

underBoth("S6.1 a job that outlasts the grace is told by its signal, runs once more, and no other does", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const first = bench.process("first").job("q", (payload, _job, { sleep }) => sleep(payload === "long" ? 60_000 : 10));
  await first.work();
  for (const partition of range(2)) await bench.produce("q", partition, [0, 1, "long", 3, 4]);
  await bench.until(() => bench.starts.length === 6);
  const second = bench.process("second").job("q");
  await second.work();
  await bench.until(() => owned(second));
  const [{ at: revokedAt, partitions }] = told(first, "revoked") as [ReturnType<typeof told>[number]];
  const [moved] = partitions as [number];
  const { signal } = bench.starts.find(({ partition, offset }) => partition === moved && offset === 2)!;
  const releasedAt = told(second, "assigned")[0]!.at;
  assert.ok(releasedAt >= revokedAt + GRACE && releasedAt <= revokedAt + GRACE + BEAT, `released at ${releasedAt}`);
  assert.equal(signal.aborted, true);
  assert.equal((signal.reason as Error).name, "AbortError");
  await bench.until(() => bench.lag("q")[moved] === 0);
  assert.deepEqual(bench.ran("q", moved), [0, 1, 2, 2, 3, 4]);
  const other = bench.starts.find(({ partition, offset }) => partition !== moved && offset === 2)!;
  assert.equal(other.signal.aborted, false);
  assert.deepEqual(first.seen("failed"), []);
});

underBoth("S6.1 a signal aborts when the grace ends, though the last commit has no answer yet", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const aborted: number[] = [];
  const first = bench.process("first").job("q", (_payload, { signal }, { sleep }) => {
    signal.addEventListener("abort", () => aborted.push(bench.time.elapsed));
    return sleep(60_000);
  });
  await first.work();
  for (const partition of range(2)) await bench.produce("q", partition, [0]);
  await bench.until(() => bench.starts.length === 2);
  const byFirst = ({ clientId }: { clientId: string | null }): boolean => clientId === "first";
  bench.broker.faults.drop({ api: "OffsetCommit", where: byFirst, times: Number.POSITIVE_INFINITY });
  const second = bench.process("second").job("q");
  await second.work();
  await bench.until(() => owned(second));
  const [{ at: revokedAt }] = told(first, "revoked") as [ReturnType<typeof told>[number]];
  assert.deepEqual(aborted, [revokedAt + GRACE]);
  const errors = first.seen("error").map(({ error, partition }) => [(error as Error).name, partition]);
  assert.deepEqual(errors, [["CommitTimeoutError", told(first, "revoked")[0]!.partitions[0]]]);
});

underBoth("S6.1 a job that fails because it was aborted counts no attempt", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const first = bench.process("first").job("q", (_payload, { signal }) => {
    return new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  });
  await first.work();
  for (const partition of range(2)) await bench.produce("q", partition, [0, 1]);
  await bench.until(() => bench.starts.length === 2);
  const second = bench.process("second").job("q");
  await second.work();
  await bench.until(() => bench.ran("q", told(first, "revoked")[0]?.partitions[0] ?? 9, "second").length === 2);
  assert.deepEqual(
    bench.starts.filter(({ by }) => by === "second").map(({ offset, attempt }) => [offset, attempt]),
    [
      [0, 1],
      [1, 1],
    ],
  );
  assert.deepEqual(first.seen("failed"), []);
});

underBoth("S6.1 a job that fails during the grace is not tried again there, and counts its attempt", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const first = bench.process("first").job("q", async (_payload, _job, { sleep }) => {
    await sleep(4_000);
    throw new Error("as planned");
  });
  await first.work();
  for (const partition of range(2)) await bench.produce("q", partition, [0, 1]);
  await bench.until(() => bench.starts.length === 2);
  const second = bench.process("second").job("q");
  await second.work();
  await bench.until(() => bench.starts.filter(({ by }) => by === "second").length === 2);
  const [moved] = told(first, "revoked")[0]!.partitions as [number];
  assert.deepEqual(
    bench.starts.filter(({ partition }) => partition === moved).map(({ by, offset, attempt }) => [by, offset, attempt]),
    [
      ["first", 0, 1],
      ["second", 0, 2],
      ["second", 1, 1],
    ],
  );
});

underBoth("S6.1 a rebalance that begins during the grace finds the partition still claimed", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const running = new Set<number>();
  const job = async (_payload: unknown, { partition }: { partition: number }, { sleep }: WorkerProcess) => {
    assert.ok(!running.has(partition), `two jobs of partition ${partition} at once`);
    running.add(partition);
    await sleep(6_500);
    running.delete(partition);
  };
  const first = bench.process("first").job("q", job);
  await first.work();
  for (const partition of range(2)) await bench.produce("q", partition, range(5));
  await bench.until(() => bench.starts.length === 2);
  const second = bench.process("second").job("q", job);
  await second.work();
  await bench.until(() => told(first, "revoked").length === 1);
  const generation = bench.broker.groups()[0]!.generationId;
  const third = bench.process("third").job("q", job);
  await third.work();
  await bench.until(() => bench.broker.groups()[0]!.generationId > generation);
  const [{ partitions }] = told(first, "revoked") as [ReturnType<typeof told>[number]];
  const moved = partitions[0]!;
  const released = bench.commits.find((commit) => commit.by === "first" && commit.metadata?.open === false);
  assert.equal(released, undefined, "the rebalance has begun within the grace");
  const taken = (): WorkerProcess | undefined =>
    [second, third].find((each) => told(each, "assigned").some((event) => event.partitions.includes(moved)));
  assert.equal(taken(), undefined);
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", moved), range(5));
  const ended = bench.starts.find(({ partition }) => partition === moved)!.at + 6_500;
  assert.ok(told(taken()!, "assigned").at(-1)!.at >= ended);
  assert.deepEqual(first.seen("failed"), []);
});

underBoth("S6.1 a partition that is wanted back during its release is loaded anew, and nothing is lost", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const slow = (_payload: unknown, _job: unknown, { sleep }: WorkerProcess): Promise<void> => sleep(4_000);
  const first = bench.process("first").job("q", slow);
  await first.work();
  for (const partition of range(2)) await bench.produce("q", partition, range(5));
  await bench.until(() => bench.starts.length === 2);
  const second = bench.process("second").job("q", slow);
  await second.work();
  await bench.until(() => told(first, "revoked").length === 1);
  await bench.run(second.app.close());
  await bench.until(() => drained(bench));
  for (const partition of range(2)) assert.deepEqual(bench.ran("q", partition, "first"), range(5));
  assert.deepEqual(first.seen("lost"), []);
});

test("S6.1 in a group of both protocols a worker that has to release joins no more often than its heart beats", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const first = bench.process("first").job("q", (_payload, _job, { sleep }) => sleep(4_000));
  await first.work({ groupProtocol: "classic" });
  for (const partition of range(2)) await bench.produce("q", partition, range(3));
  await bench.until(() => bench.starts.length === 2);
  let joins = 0;
  bench.broker.observe(({ api, clientId }) => {
    if (api === "JoinGroup" && clientId === "first") joins++;
  });
  const second = bench.process("second").job("q", (_payload, _job, { sleep }) => sleep(100));
  await second.work({ groupProtocol: "consumer" });
  await bench.until(() => owned(second));
  assert.ok(joins >= 2 && joins <= 6, `${joins} joins`);
  await bench.until(() => drained(bench));
  for (const partition of range(2)) assert.deepEqual(bench.ran("q", partition), range(3), "no job runs twice");
  assert.deepEqual(first.seen("lost"), []);
});

underBoth("S6.2 a lost partition's signals abort, nothing of it is committed, and it says so", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const first = bench.process("first").job("q", (payload, _job, { sleep }) => sleep(payload === "long" ? 20_000 : 100));
  await first.work({ commitInterval: "3s" });
  for (const partition of range(2)) await bench.produce("q", partition, [0, 1, "long", 3]);
  await bench.until(() => bench.starts.length === 6);
  const running = bench.starts.slice(-2);
  first.network.isolate();
  const second = bench.process("second").job("q");
  await second.work();
  await bench.until(() => drained(bench));
  const fetches: { at: number; partition: number }[] = [];
  bench.broker.observe(({ api, clientId, body }) => {
    if (api !== "Fetch" || clientId !== "first") return;
    for (const { partitions } of (body as FetchRequest).topics)
      for (const { partition } of partitions) fetches.push({ at: bench.time.elapsed, partition });
  });
  first.network.rejoin();
  await bench.until(() => first.seen("lost").length === 1);
  const [{ at, partitions }] = told(first, "lost") as [ReturnType<typeof told>[number]];
  assert.deepEqual([...partitions].sort(), [0, 1]);
  for (const { signal } of running) assert.equal(signal.aborted, true);
  await bench.time.advance(30_000);
  const late = bench.commits.filter((commit) => commit.by === "first" && commit.at > at && commit.offset < 4);
  assert.deepEqual(late, [], "what its handlers finished later is not committed");
  const completed = first.seen("completed").filter(({ job }) => job.offset >= 2);
  assert.deepEqual(completed, [], "nor told as completed");
  const [, again] = told(first, "assigned") as [unknown, ReturnType<typeof told>[number]];
  assert.equal(again.partitions.length, 1);
  const read = new Set(fetches.filter((fetch) => fetch.at > at).map(({ partition }) => partition));
  assert.deepEqual([...read], again.partitions, "what is not its own any more is not read");
  for (const partition of range(2)) {
    assert.deepEqual(bench.ran("q", partition, "second"), range(4), "nothing was committed: all of it runs again");
  }
});

underBoth("S6.2 a group that refuses the worker for good ends it: ended rejects, and its jobs are told", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1 } });
  const process = bench.process("w").job("q", (_payload, _job, { sleep }) => sleep(60_000));
  const worker = await process.work();
  let ended: unknown;
  worker.ended.catch((error: unknown) => {
    ended = error;
  });
  await bench.produce("q", 0, [0]);
  await bench.until(() => bench.starts.length === 1);
  // GROUP_AUTHORIZATION_FAILED: its right to the group was taken away.
  const times = Number.POSITIVE_INFINITY;
  bench.broker.faults.fail({ api: JOIN_API[t.protocol], errorCode: 30, times });
  bench.broker.faults.expireSession("workers");
  await bench.until(() => ended !== undefined);
  const { name, code, message } = ended as Error & { code: string };
  assert.deepEqual([name, code], ["WorkerFailedError", "WORKER_FAILED"]);
  assert.match(message, /workers.*GROUP_AUTHORIZATION_FAILED/);
  assert.equal(bench.starts[0]!.signal.aborted, true);
  assert.equal(worker.status().state, "closed");
  await assert.rejects(bench.run(worker.close()), { name: "WorkerFailedError" });
  assert.ok(process.seen("error").some(({ error }) => error === ended));
});

underBoth("S2.7 partitions that are added while it runs are told of, and their jobs run", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1 } });
  const process = bench.process("w").job("q");
  await process.work();
  await bench.produce("q", 0, range(3));
  await bench.until(() => drained(bench));
  await bench.addPartition("q");
  await bench.until(() => process.seen("partitionsChanged").length > 0, 1_000_000);
  assert.deepEqual(process.seen("partitionsChanged"), [{ topic: "q", from: 1, to: 2 }]);
  await bench.produceRecords([{ topic: "q", partition: 1, value: "1", headers: { "ottla-job": "work" } }]);
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 1), [0]);
});

underBoth(
  "S6.2 a worker whose connections are all half open is back once it knows, and waits for no rebalance",
  async (t) => {
    for (const nodes of [1, 3]) {
      const bench = await startWorkerBench(t, { nodes, topics: { q: 2 } });
      const process = bench.process("w").job("q");
      await process.work({ rebalanceTimeout: "60s" });
      await bench.until(() => process.seen("assigned").length === 1);
      await bench.time.advance(20_000);
      process.network.strand();
      await bench.until(() => process.seen("lost").length === 1);
      const lostAt = bench.time.elapsed;
      await bench.until(() => process.seen("assigned").length === 2);
      assert.ok(bench.time.elapsed - lostAt < 5_000, `${nodes} nodes: ${bench.time.elapsed - lostAt} ms`);
    }
  },
);
