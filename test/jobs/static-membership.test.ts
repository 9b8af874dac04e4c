import assert from "node:assert/strict";
import { test } from "node:test";
import { startWorkerBench, under, underBoth, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);
const SESSION = 6_000;
/** Until a member's next heartbeat. */
const BEAT = 2_000;
const slow = (_payload: unknown, _job: unknown, { sleep }: WorkerProcess): Promise<void> => sleep(100);

const moves = (process: WorkerProcess): number =>
  process.events.filter(({ name }) => name === "assigned" || name === "revoked" || name === "lost").length;
const owned = (process: WorkerProcess): number[] =>
  process
    .seen("assigned")
    .flatMap(({ partitions }) => partitions.map(({ partition }) => partition))
    .sort();

underBoth("S6.3 a static worker that is closed and comes back moves nothing, and goes on at once", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 4 } });
  const other = bench.process("other").job("q", slow);
  await other.work({ instanceId: "b" });
  const first = bench.process("first").job("q", slow);
  const worker = await first.work({ instanceId: "a" });
  await bench.until(() => first.seen("assigned").length > 0);
  await bench.time.advance(3 * BEAT);
  for (const partition of range(4)) await bench.produce("q", partition, range(10));
  await bench.until(() => bench.starts.some(({ by }) => by === "first"));
  const [before, ofFirst] = [moves(other), owned(first)];
  await bench.run(worker.close());
  await bench.time.advance(BEAT);
  const second = bench.process("second").job("q", slow);
  await second.work({ instanceId: "a" });
  const backAt = bench.time.elapsed;
  await bench.until(() => bench.starts.some(({ by }) => by === "second"));
  assert.ok(bench.time.elapsed - backAt < 500, "what was released in good order is not waited for");
  assert.deepEqual(owned(second), ofFirst);
  await bench.until(() => drained(bench));
  await bench.time.advance(2 * SESSION);
  assert.equal(moves(other), before, "nothing moved");
  for (const partition of range(4)) assert.deepEqual(bench.ran("q", partition), range(10), "no job runs twice");
});

underBoth("S6.3 a static worker that does not come back is missed after the session timeout", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const other = bench.process("other").job("q");
  await other.work({ instanceId: "b" });
  const first = bench.process("first").job("q");
  const worker = await first.work({ instanceId: "a" });
  await bench.until(() => first.seen("assigned").length > 0);
  await bench.time.advance(3 * BEAT);
  await bench.run(worker.close());
  const closedAt = bench.time.elapsed;
  const before = other.seen("assigned").length;
  await bench.until(() => other.seen("assigned").length > before);
  const waited = bench.time.elapsed - closedAt;
  assert.ok(waited >= SESSION - BEAT - 100 && waited <= SESSION + 2 * BEAT, `after ${waited} ms`);
});

under(
  "classic",
  "S6.3 after a kill the id is taken over at once, and what was open starts a session timeout later",
  async (t) => {
    const bench = await startWorkerBench(t, { topics: { q: 2 } });
    const first = bench.process("first").job("q", slow);
    await first.work({ instanceId: "a" });
    await bench.produce("q", 0, range(100));
    await bench.until(() => bench.committed("q", 0)?.offset !== undefined);
    first.crash();
    const second = bench.process("second").job("q", slow);
    await second.work({ instanceId: "a" });
    const calledAt = bench.time.elapsed;
    await bench.until(() => second.seen("assigned").length > 0);
    const assignedAt = bench.time.elapsed;
    assert.ok(assignedAt - calledAt < 500, "no session has to end first");
    assert.deepEqual(owned(second), [0, 1]);
    // Nobody had begun there, so nobody can still run.
    await bench.produce("q", 1, [0]);
    await bench.until(() => bench.ran("q", 1, "second").length === 1);
    assert.ok(bench.time.elapsed - assignedAt < SESSION / 2);
    await bench.until(() => bench.ran("q", 0, "second").length > 0);
    const waited = bench.starts.find(({ by, partition }) => by === "second" && partition === 0)!.at - assignedAt;
    assert.ok(waited >= SESSION - 10 && waited < SESSION + 500, `started after ${waited} ms`);
    await bench.until(() => drained(bench));
  },
);

under("classic", "S6.3 a live worker whose id is taken ends, and starts nothing beside its successor", async (t) => {
  const bench = await startWorkerBench(t);
  const first = bench.process("first").job("q", slow);
  const worker = await first.work({ instanceId: "a" });
  await bench.produce("q", 0, range(200));
  await bench.until(() => bench.committed("q", 0)?.offset !== undefined);
  let ended: Error | undefined;
  worker.ended.catch((error: Error) => {
    ended = error;
  });
  first.network.isolate();
  const second = bench.process("second").job("q", slow);
  await second.work({ instanceId: "a" });
  await bench.until(() => bench.ran("q", 0, "second").length > 3);
  const last = bench.starts.findLast(({ by }) => by === "first")!.at;
  const next = bench.starts.find(({ by }) => by === "second")!.at;
  assert.ok(last + 100 <= next, `the first's last start at ${last}, the second's first at ${next}`);
  first.network.rejoin();
  await bench.until(() => ended !== undefined);
  assert.equal(ended!.name, "WorkerFailedError");
  assert.match(ended!.message, /static member a .*each process needs/);
  await bench.until(() => drained(bench));
});

under("consumer", "S6.3 after a kill the id is refused until the session ends, and each try is told", async (t) => {
  const bench = await startWorkerBench(t);
  const first = bench.process("first").job("q", slow);
  await first.work({ instanceId: "a" });
  await bench.produce("q", 0, range(100));
  await bench.until(() => bench.committed("q", 0)?.offset !== undefined);
  first.crash();
  const crashedAt = bench.time.elapsed;
  const second = bench.process("second").job("q", slow);
  await second.work({ instanceId: "a" });
  await bench.until(() => second.seen("assigned").length > 0);
  const waited = bench.time.elapsed - crashedAt;
  assert.ok(waited >= SESSION - BEAT - 100 && waited <= SESSION + BEAT, `assigned after ${waited} ms`);
  const busy = second.seen("instanceIdBusy");
  assert.ok(busy.length > 1, `${busy.length} events`);
  assert.equal(busy[0]!.instanceId, "a");
  assert.equal((busy[0]!.error as { code?: string }).code, "UNRELEASED_INSTANCE_ID");
  await bench.until(() => bench.ran("q", 0, "second").length > 0);
  const next = bench.starts.find(({ by }) => by === "second")!.at;
  assert.ok(next - crashedAt - waited < 500, "the session has ended: nothing more is waited for");
  assert.deepEqual(second.seen("error"), []);
  await bench.until(() => drained(bench));
});

under("consumer", "S6.3 a busy id is logged once where nobody listens", async (t) => {
  const bench = await startWorkerBench(t);
  const first = bench.process("first").job("q");
  await first.work({ instanceId: "a" });
  await bench.until(() => first.seen("assigned").length > 0);
  const logged: string[] = [];
  const logger = { debug() {}, info() {}, warn: (message: string) => void logged.push(message), error() {} };
  const second = bench.process("second", { logger }).job("q");
  second.unlisten("instanceIdBusy");
  await second.work({ instanceId: "a" });
  await bench.time.advance(5_000);
  assert.deepEqual(
    logged.map((message) => /instanceId/.test(message)),
    [true],
  );
});

test("S9 a worker takes the protocol that the broker offers, and the one that it is told", async (t) => {
  const bench = await startWorkerBench(t);
  const worker = await bench.process("first").job("q").work();
  await bench.until(() => bench.broker.groups()[0]?.members.length === 1);
  assert.equal(bench.broker.groups()[0]!.type, "consumer");
  await bench.run(worker.close());
  await bench.process("second").job("q").work({ groupProtocol: "classic" });
  await bench.until(() => bench.broker.groups()[0]?.members.length === 1);
  assert.equal(bench.broker.groups()[0]!.type, "classic");
});
