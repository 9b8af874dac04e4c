import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { startWorkerBench, underBoth, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);
const slow =
  (ms: number) =>
  (_payload: unknown, _job: unknown, { sleep }: WorkerProcess): Promise<void> =>
    sleep(ms);

underBoth("S6.4 close ends the running jobs, leaves the rest, commits, and leaves the group at once", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const first = bench.process("first").job("q", slow(1_000));
  const worker = await first.work({ commitInterval: "1h" });
  for (const partition of range(2)) await bench.produce("q", partition, range(5));
  await bench.until(() => bench.starts.length === 4);
  const second = bench.process("second").job("q");
  await bench.time.advance(100);
  const running = bench.starts.slice(-2);
  await bench.run(worker.close());
  const closedAt = bench.time.elapsed;
  assert.equal(closedAt, Math.max(...running.map(({ at }) => at)) + 1_000, "it takes no longer than the running jobs");
  assert.equal(bench.starts.length, 4, "nothing starts after close was called");
  for (const partition of range(2)) {
    const last = bench.commits.findLast((commit) => commit.partition === partition)!;
    assert.deepEqual([last.offset, last.metadata!.open], [2, false]);
  }
  assert.deepEqual(bench.broker.groups()[0]!.members, []);
  await second.work();
  await bench.until(() => drained(bench));
  const taken = second.events.find(({ name }) => name === "assigned")!.at;
  assert.ok(taken - closedAt < 1_000, "whoever takes over waits for no session");
  for (const partition of range(2)) assert.deepEqual(bench.ran("q", partition), range(5), "no job runs twice");
  assert.deepEqual(first.seen("closed"), [{ what: "worker" }]);
  assert.equal(worker.status().state, "closed");
  await bench.run(worker.ended);
  assert.deepEqual(first.seen("error"), []);
});

underBoth("S6.4 a worker that is there already takes over without waiting for a session", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const [first, second] = [bench.process("first").job("q"), bench.process("second").job("q")];
  const worker = await first.work({ sessionTimeout: "30s" });
  await second.work({ sessionTimeout: "30s" });
  await bench.until(() => second.seen("assigned").length === 1);
  await bench.run(worker.close());
  const closedAt = bench.time.elapsed;
  await bench.until(() => second.seen("assigned").length === 2);
  assert.ok(bench.time.elapsed - closedAt <= 10_000, "its next heartbeat tells it, a third of a session later");
});

underBoth("S6.4 S8.9 after shutdownTimeout signals abort, and close rejects with what had not ended", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const process = bench.process("w").job("q", slow(60_000));
  const worker = await process.work({ shutdownTimeout: "8s" });
  for (const partition of range(2)) await bench.produce("q", partition, range(2));
  await bench.until(() => bench.starts.length === 2);
  const calledAt = bench.time.elapsed;
  const error = await bench.run(
    worker.close().then(
      () => undefined,
      (reason: unknown) => reason,
    ),
  );
  const { name, code, unfinished, message } = error as Error & { code: string; unfinished: string[] };
  assert.deepEqual([name, code], ["ShutdownTimeoutError", "SHUTDOWN_TIMED_OUT"]);
  assert.deepEqual([...unfinished].sort(), ["q/0/0", "q/1/0"]);
  assert.match(message, /8000 ms.*q\/0\/0/);
  assert.ok(bench.time.elapsed - calledAt < 9_000);
  for (const { signal } of bench.starts) assert.equal(signal.aborted, true);
  await assert.rejects(bench.run(worker.ended), { name: "ShutdownTimeoutError" });
  for (const partition of range(2)) assert.equal(bench.committed("q", partition)!.offset, 0);
  assert.deepEqual(bench.broker.groups()[0]!.members, []);
  await bench.process("next").job("q").work();
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 0, "next"), [0, 1]);
});

underBoth(
  "S6.4 a job that heeds its signal at the deadline is unfinished all the same, and counts no attempt",
  async (t) => {
    const bench = await startWorkerBench(t);
    const process = bench.process("w").job("q", (_payload, { signal }) => {
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    });
    const worker = await process.work({ shutdownTimeout: "2s" });
    await bench.produce("q", 0, range(2));
    await bench.until(() => bench.starts.length === 1);
    await assert.rejects(bench.run(worker.close()), { name: "ShutdownTimeoutError", unfinished: ["q/0/0"] });
    await bench.process("next").job("q").work();
    await bench.until(() => drained(bench));
    assert.deepEqual(bench.starts.at(1)!.attempt, 1);
  },
);

underBoth("S6.4 shutdownTimeout 0 aborts at once", async (t) => {
  const bench = await startWorkerBench(t);
  const worker = await bench.process("w").job("q", slow(60_000)).work({ shutdownTimeout: 0 });
  await bench.produce("q", 0, [0]);
  await bench.until(() => bench.starts.length === 1);
  const calledAt = bench.time.elapsed;
  await assert.rejects(bench.run(worker.close()), { name: "ShutdownTimeoutError" });
  assert.equal(bench.time.elapsed, calledAt);
});

underBoth(
  "S6.4 close waits for handlers left over from a lost partition, and names those that do not end",
  async (t) => {
    for (const [takes, unfinished] of [
      [4_000, []],
      [60_000, ["q/0/0"]],
    ] as const) {
      const bench = await startWorkerBench(t);
      const process = bench.process("w").job("q", slow(takes));
      const worker = await process.work();
      await bench.produce("q", 0, [0]);
      await bench.until(() => bench.starts.length === 1);
      bench.broker.faults.expireSession("workers");
      await bench.until(() => process.seen("lost").length === 1);
      const calledAt = bench.time.elapsed;
      const error = await bench.run(
        worker.close().then(
          () => undefined,
          (reason: unknown) => reason,
        ),
      );
      assert.deepEqual((error as { unfinished?: string[] } | undefined)?.unfinished ?? [], unfinished);
      const end = Math.min(bench.starts[0]!.at + takes, calledAt + 10_000);
      assert.equal(bench.time.elapsed, end);
    }
  },
);

underBoth("S6.4 a failed job that waits for its next attempt holds up no shutdown", async (t) => {
  const bench = await startWorkerBench(t);
  const backoff = { initial: "1h", max: "1h" } as const;
  const process = bench.process("w", { queues: { q: { backoff } } }).job("q", () => {
    throw new Error("never works");
  });
  const worker = await process.work();
  await bench.produce("q", 0, [0]);
  await bench.until(() => process.seen("failed").length === 1);
  const calledAt = bench.time.elapsed;
  await bench.run(worker.close());
  assert.ok(bench.time.elapsed - calledAt < 100);
  assert.equal(bench.commits.at(-1)!.metadata!.failing[0]!.attempt, 1);
});

underBoth(
  "S6.4 S8.9 brokers that are away hold up no shutdown for long, and what was not committed is told",
  async (t) => {
    const bench = await startWorkerBench(t);
    const process = bench.process("w").job("q");
    const worker = await process.work({ commitInterval: "1h" });
    await bench.produce("q", 0, range(3));
    await bench.until(() => bench.starts.length === 3);
    await bench.broker.faults.stop(1);
    const calledAt = bench.time.elapsed;
    await bench.run(worker.close());
    assert.ok(bench.time.elapsed - calledAt <= 10_000, `${bench.time.elapsed - calledAt} ms`);
    const untold = process.seen("error").filter(({ error }) => (error as Error).name === "CommitTimeoutError");
    assert.deepEqual(
      untold.map(({ topic, partition }) => [topic, partition]),
      [["q", 0]],
    );
  },
);

underBoth("S6.4 close while joining, while loading, and twice, ends well", async (t) => {
  const bench = await startWorkerBench(t);
  await bench.produce("q", 0, range(3));
  const times = Number.POSITIVE_INFINITY;
  const joining = { classic: ["JoinGroup", "SyncGroup"], consumer: ["ConsumerGroupHeartbeat"] };
  for (const api of [...joining[t.protocol], "OffsetFetch", "ListOffsets", "FindCoordinator"]) {
    const process = bench.process(`w-${api}`).job("q");
    const byIt = ({ clientId }: { clientId: string | null }): boolean => clientId === process.name;
    const stuck = bench.broker.faults.drop({ api, where: byIt, times });
    const worker = await process.work();
    await bench.until(() => stuck.used > 0);
    const calledAt = bench.time.elapsed;
    const closing = worker.close();
    assert.equal(worker.close(), closing);
    await bench.run(closing);
    assert.ok(bench.time.elapsed - calledAt <= 10_000, `${api}: ${bench.time.elapsed - calledAt} ms`);
    assert.equal(worker.status().state, "closed");
    stuck.cancel();
  }
  assert.deepEqual(bench.starts, []);
});

underBoth("S6.4 a rebalance while it closes takes the partitions that are wanted, and closing goes on", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const first = bench.process("first").job("q", slow(8_000));
  const worker = await first.work();
  for (const partition of range(2)) await bench.produce("q", partition, range(2));
  await bench.until(() => bench.starts.length === 2);
  const closing = worker.close();
  const second = bench.process("second").job("q", slow(10));
  await second.work();
  await bench.run(closing);
  await bench.until(() => drained(bench));
  for (const partition of range(2)) assert.ok(bench.ran("q", partition).length <= 3, "at most one job runs twice");
  assert.deepEqual(first.seen("lost"), []);
});

underBoth("S6.4 quiet keeps the partitions and starts nothing", async (t) => {
  const bench = await startWorkerBench(t);
  const first = bench.process("first").job("q", slow(2_000));
  const worker = await first.work();
  await bench.produce("q", 0, range(5));
  await bench.until(() => bench.starts.length === 2);
  const calledAt = bench.starts.at(-1)!.at;
  await bench.run(worker.quiet());
  assert.equal(bench.time.elapsed, calledAt + 2_000, "it resolves when the running job has ended");
  assert.equal(worker.status().state, "quiet");
  await bench.time.advance(60_000);
  assert.equal(bench.starts.length, 2);
  assert.equal(bench.committed("q", 0)!.offset, 2);
  assert.deepEqual(first.seen("lost"), []);
  assert.equal(worker.status().partitions.length, 1);
  await bench.run(worker.quiet());
  await bench.run(worker.close());
  await bench.process("second").job("q").work();
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 0), range(5));
});

underBoth("S6.4 an aborted signal closes the worker, and one that had aborted before does too", async (t) => {
  const bench = await startWorkerBench(t);
  const first = bench.process("first").job("q", slow(500));
  const controller = new AbortController();
  const worker = await first.work({ signal: controller.signal });
  await bench.produce("q", 0, range(4));
  await bench.until(() => bench.starts.length === 2);
  controller.abort();
  await bench.run(worker.ended);
  assert.equal(bench.starts.length, 2);
  assert.equal(bench.committed("q", 0)!.offset, 2);
  const second = await bench.process("second").job("q").work({ signal: AbortSignal.abort() });
  await bench.run(second.ended);
  assert.equal(bench.starts.length, 2);
});

underBoth("S6.4 a worker that was closed has let go of its signal and of its timers", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w").job("q");
  const listeners = new Set<unknown>();
  const { signal } = new AbortController();
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = ((name: "abort", listener: () => void) => {
    listeners.add(listener);
    add(name, listener);
  }) as typeof signal.addEventListener;
  signal.removeEventListener = ((name: "abort", listener: () => void) => {
    listeners.delete(listener);
    remove(name, listener);
  }) as typeof signal.removeEventListener;
  const worker = await process.work({ signal });
  await bench.produce("q", 0, range(3));
  await bench.until(() => bench.starts.length === 3);
  assert.equal(listeners.size, 1);
  await bench.run(process.app.close());
  assert.equal(listeners.size, 0);
  assert.equal(worker.status().state, "closed");
  let fired = 0;
  const timer = process.clock.timer.bind(process.clock);
  process.clock.timer = (ms, fire) => {
    fired++;
    return timer(ms, fire);
  };
  await bench.time.advance(600_000);
  assert.equal(fired, 0, "nothing of it sets a timer any more");
});

underBoth("S6.4 a worker whose commits failed to the end tries none after it is closed", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w").job("q");
  const worker = await process.work();
  const errorCode = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
  const times = Number.POSITIVE_INFINITY;
  bench.broker.faults.fail({ api: "OffsetCommit", errorCode, times });
  await bench.produce("q", 0, range(3));
  await bench.until(() => bench.commits.length > 3);
  await bench.run(worker.close());
  let set = 0;
  const timer = process.clock.timer.bind(process.clock);
  process.clock.timer = (ms, fire) => {
    set++;
    return timer(ms, fire);
  };
  await bench.time.advance(5_000);
  assert.equal(set, 0);
});

underBoth("S6.4 app.close closes the worker, and a worker cannot start on a closed app", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w").job("q");
  await process.work();
  await bench.until(() => process.seen("assigned").length === 1);
  await bench.run(process.app.close());
  assert.deepEqual(process.seen("closed"), [{ what: "worker" }, { what: "app" }]);
  assert.deepEqual(bench.broker.groups()[0]!.members, []);
  await assert.rejects(process.work(), { name: "AppClosedError" });
});

underBoth("S6.4 an app that is closed while a worker starts leaves no worker behind", async (t) => {
  const bench = await startWorkerBench(t);
  const times = Number.POSITIVE_INFINITY;
  const silent = bench.broker.faults.drop({ api: "Metadata", times });
  const process = bench.process("w").job("q");
  const starting = process.work();
  await bench.until(() => silent.used > 0);
  const closing = process.app.close();
  await assert.rejects(starting, { name: "AppClosedError" });
  await bench.run(closing);
  silent.cancel();
  // Where the topic is known already, nothing has to be waited for.
  const knows = bench.process("knows").job("q");
  await knows.work();
  const second = knows.work();
  const ending = knows.app.close();
  await assert.rejects(second, { name: "AppClosedError" });
  await bench.run(ending);
  assert.deepEqual(bench.broker.groups()[0]?.members ?? [], []);
});

test("status tells of partitions, what waits, what runs and in which state", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const process = bench.process("w").job("q", slow(1_000));
  const worker = await process.work({ concurrency: 7 });
  assert.deepEqual(worker.status(), {
    state: "working",
    running: 0,
    bufferedBytes: 0,
    partitions: [],
    schedules: [],
    pausedQueues: [],
    leftovers: [],
  });
  await bench.produce("q", 1, range(4));
  await bench.until(() => bench.starts.length === 2);
  const { partitions, running, bufferedBytes } = worker.status();
  assert.equal(running, 1);
  assert.ok(bufferedBytes > 0);
  assert.deepEqual(
    [...partitions].sort((a, b) => a.partition - b.partition),
    [
      { topic: "q", partition: 0, state: "running", offset: 0, waiting: 0, running: [], isWaiting: false },
      { topic: "q", partition: 1, state: "running", offset: 1, waiting: 2, running: [1], isWaiting: false },
    ],
  );
  const closing = worker.close();
  assert.equal(worker.status().state, "closing");
  assert.equal(worker.status().partitions.find(({ partition }) => partition === 1)!.state, "draining");
  await bench.run(closing);
  assert.deepEqual(worker.status().partitions, []);
});

test("status tells of a partition whose next job waits for its time", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1 } });
  const process = bench.process("w").job("q", (_payload, { attempt }) => {
    if (attempt === 1) throw new Error("as planned");
  });
  const worker = await process.work();
  await bench.produce("q", 0, [1]);
  await bench.until(() => bench.starts.length === 1);
  assert.equal(worker.status().partitions[0]!.isWaiting, true);
  await bench.until(() => bench.starts.length === 2);
  assert.equal(worker.status().partitions[0]!.isWaiting, false);
});

underBoth("S6.4 S8.9 a hand-over that the brokers do not answer holds up no shutdown", async (t) => {
  for (const api of ["InitProducerId", "Produce", "TxnOffsetCommit", "EndTxn"]) {
    const bench = await startWorkerBench(t, { topics: { q: 1, next: 1 } });
    // Requests wait as long for an answer as they do where nobody says otherwise.
    const process = bench.process("w", { kafka: { clientId: "w" } });
    const next = process.app.job<number>({ name: "next", queue: "next", perform() {} });
    process.job("q", async (_payload, job) => void (await job.transaction((tx) => tx.performLater(next.of(1)))));
    const byIt = ({ clientId }: { clientId: string | null }): boolean => clientId === "w";
    const times = Number.POSITIVE_INFINITY;
    const stuck = bench.broker.faults.drop({ api, where: byIt, times });
    await process.work({ queues: ["q"], shutdownTimeout: "5s" });
    await bench.produce("q", 0, [1]);
    await bench.until(() => stuck.used > 0);
    const calledAt = bench.time.elapsed;
    await bench.run(process.app.close());
    const took = bench.time.elapsed - calledAt;
    assert.ok(took <= 5_000 + 15_000, `${api}: ${took} ms`);
  }
});
