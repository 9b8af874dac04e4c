import assert from "node:assert/strict";
import type { ObservedRequest } from "../../src/broker/request-faults.ts";
import {
  HEARTBEAT_API,
  startWorkerBench,
  under,
  underBoth,
  type WorkerBench,
  type WorkerProcess,
} from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const SESSION = 6_000;
const REBALANCE = 20_000;
const MARGIN = 1_000;

/** Virtual times of a process's requests. */
function requestTimes(bench: WorkerBench, api: string, by: string): number[] {
  const times: number[] = [];
  bench.broker.observe((request) => {
    if (request.api === api && request.clientId === by) times.push(bench.time.elapsed);
  });
  return times;
}

function startTimes(bench: WorkerBench, by: string): number[] {
  return bench.starts.filter((start) => start.by === by).map(({ at }) => at);
}

const slow = (_payload: unknown, _job: unknown, { sleep }: WorkerProcess): Promise<void> => sleep(100);

underBoth(
  "S3.5 a worker that is cut off starts jobs until a second before its session ends, and none after",
  async (t) => {
    const bench = await startWorkerBench(t);
    const beats = requestTimes(bench, HEARTBEAT_API[t.protocol], "first");
    const first = bench.process("first").job("q", slow);
    await first.work();
    await bench.produce("q", 0, range(200));
    await bench.until(() => bench.starts.length === 30);
    first.network.isolate();
    await bench.process("second").job("q", slow).work();
    await bench.until(() => bench.ran("q", 0, "second").length > 0);
    const leaseEnd = beats.at(-1)! + SESSION - MARGIN;
    const last = startTimes(bench, "first").at(-1)!;
    assert.ok(last < leaseEnd, `started at ${last}, the lease ended at ${leaseEnd}`);
    assert.ok(last >= leaseEnd - 200, `it goes on to the end of its lease: last start at ${last}`);
    assert.ok(startTimes(bench, "second")[0]! >= beats.at(-1)! + SESSION);
    first.network.rejoin();
    await bench.until(() => bench.lag("q")[0] === 0);
  },
);

underBoth("S3.5 a process that was frozen starts nothing before it has learned what it has lost", async (t) => {
  const bench = await startWorkerBench(t);
  const first = bench.process("first").job("q", slow);
  await first.work();
  await bench.produce("q", 0, range(200));
  await bench.until(() => bench.starts.length === 10);
  first.clock.pause();
  await bench.process("second").job("q", slow).work();
  await bench.until(() => bench.ran("q", 0, "second").length > 20);
  const before = bench.ran("q", 0, "first").length;
  first.clock.resume();
  await bench.until(() => first.seen("lost").length > 0);
  assert.equal(bench.ran("q", 0, "first").length, before, "its job ended, and the next did not start");
  await bench.until(() => bench.lag("q")[0] === 0);
});

underBoth("S3.5 a wall clock that has run on without the monotonic one ends the lease too", async (t) => {
  const bench = await startWorkerBench(t);
  const beats = requestTimes(bench, HEARTBEAT_API[t.protocol], "w");
  const process = bench.process("w").job("q", slow);
  await process.work();
  await bench.produce("q", 0, range(100));
  await bench.until(() => bench.starts.length === 30);
  process.clock.skew(3_600_000);
  const [count, beaten, skewedAt] = [bench.starts.length, beats.length, bench.time.elapsed];
  await bench.until(() => bench.lag("q")[0] === 0);
  const next = startTimes(bench, "w")[count]!;
  assert.ok(beats[beaten]! - skewedAt > 500, "time enough to start a job in");
  assert.ok(next >= beats[beaten]!, `a job starts at ${next}, before the heartbeat at ${beats[beaten]} is answered`);
});

under(
  "classic",
  "S3.5 in a rebalance that it cannot join a worker starts nothing after the rebalance timeout less 1 s",
  async (t) => {
    const bench = await startWorkerBench(t);
    const beats = requestTimes(bench, "Heartbeat", "first");
    const joins = requestTimes(bench, "JoinGroup", "second");
    const first = bench.process("first").job("q", slow);
    await first.work();
    await bench.produce("q", 0, range(400));
    await bench.until(() => bench.starts.length === 30);
    const ofFirst = ({ clientId }: ObservedRequest): boolean => clientId === "first";
    bench.broker.faults.drop({ api: "JoinGroup", where: ofFirst, times: Number.POSITIVE_INFINITY });
    await bench.process("second").job("q", slow).work();
    await bench.until(() => bench.ran("q", 0, "second").length > 0);
    const began = joins[1]!;
    const lastClean = beats.findLast((at) => at < began)!;
    const last = startTimes(bench, "first").at(-1)!;
    assert.ok(last < lastClean + REBALANCE - MARGIN, `last start at ${last}, last clean heartbeat at ${lastClean}`);
    assert.ok(last > lastClean + REBALANCE - MARGIN - 200, `heartbeats keep the lease until then: ${last}`);
    assert.ok(startTimes(bench, "second")[0]! >= began + REBALANCE);
    bench.broker.faults.clear();
    await bench.until(() => bench.lag("q")[0] === 0);
  },
);

under("classic", "S3.5 heartbeats and jobs go on while a join is pending", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const first = bench.process("first").job("q", slow);
  await first.work();
  await bench.until(() => first.seen("assigned").length === 1);
  await bench.process("mute").job("q", slow).work();
  await bench.until(() => bench.broker.groups()[0]!.members.length === 2);
  await bench.time.advance(3_000);
  for (const partition of range(2)) await bench.produce("q", partition, range(300));
  const ofMute = ({ clientId }: ObservedRequest): boolean => clientId === "mute";
  bench.broker.faults.drop({ api: "JoinGroup", where: ofMute, times: Number.POSITIVE_INFINITY });
  const began = bench.time.elapsed;
  await bench.process("third").job("q", slow).work();
  await bench.time.advance(15_000);
  assert.equal(bench.broker.groups()[0]!.state, "PreparingRebalance");
  const since = startTimes(bench, "first").filter((at) => at > began + 2 * SESSION);
  assert.ok(since.length > 20, `${since.length} starts later than two sessions after the join began`);
  assert.deepEqual(first.seen("lost"), []);
  bench.broker.faults.clear();
});

underBoth(
  "S3.6 a partition that comes back starts nothing until the handler left over from before has settled",
  async (t) => {
    const bench = await startWorkerBench(t, { topics: { q: 2 } });
    let settle: (() => void) | undefined;
    const process = bench.process("w").job("q", (_payload, { partition }, { sleep }) => {
      if (partition === 1 || settle !== undefined) return sleep(10);
      return new Promise<void>((resolve) => {
        settle = resolve;
      });
    });
    const worker = await process.work();
    await bench.produce("q", 0, range(3));
    await bench.until(() => settle !== undefined);
    const [{ signal }] = bench.starts as [(typeof bench.starts)[number]];
    assert.equal(signal.aborted, false);
    bench.broker.faults.expireSession("workers");
    await bench.until(() => process.seen("assigned").length === 2);
    assert.equal(signal.aborted, true);
    assert.equal((signal.reason as Error).name, "AbortError");
    await bench.produce("q", 1, range(3));
    await bench.until(() => bench.lag("q")[1] === 0);
    assert.deepEqual(worker.status().leftovers, ["q/0"]);
    assert.deepEqual(bench.ran("q", 0), [0]);
    const state = worker.status().partitions.find(({ partition }) => partition === 0)?.state;
    assert.equal(state, "loading");
    settle!();
    await bench.until(() => bench.lag("q")[0] === 0);
    assert.deepEqual(worker.status().leftovers, []);
    assert.deepEqual(bench.ran("q", 0), [0, 0, 1, 2], "what the old handler finished is not taken for finished");
  },
);

under(
  "consumer",
  "S9 the session timeout is the broker's, whatever the worker asks for, and 45 s where it is not told",
  async (t) => {
    for (const [isTold, session] of [
      [true, SESSION],
      [false, 45_000],
    ] as const) {
      const bench = await startWorkerBench(t);
      // TOPIC_AUTHORIZATION_FAILED, as for each resource that this client may not ask about.
      if (!isTold) bench.broker.faults.fail({ api: "DescribeConfigs", errorCode: 29, times: Number.POSITIVE_INFINITY });
      const beats = requestTimes(bench, "ConsumerGroupHeartbeat", "first");
      const first = bench.process("first").job("q", slow);
      await first.work({ sessionTimeout: "20s", maxBatchJobs: 10_000 });
      await bench.produce("q", 0, range(1_000));
      await bench.until(() => bench.starts.length === 10);
      await bench.time.advance(1_000);
      first.network.isolate();
      await bench.time.advance(60_000);
      const [last, leaseEnd] = [startTimes(bench, "first").at(-1)!, beats.at(-1)! + session - MARGIN];
      assert.ok(last < leaseEnd && last >= leaseEnd - 200, `last start at ${last}, the lease ended at ${leaseEnd}`);
      first.network.rejoin();
    }
  },
);
