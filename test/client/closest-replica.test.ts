import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { type FetchBench, startFetcher } from "../support/fetch-bench.ts";

const LEADER = 1;
const FOLLOWER = 2;

/** A partition that node 1 leads from rack a, with a replica in rack b, and a reader in rack b; and which nodes are asked. */
async function startInRack(t: {
  after(fn: () => Promise<void>): void;
}): Promise<{ readonly bench: FetchBench; readonly asked: () => number[] }> {
  const bench = await startFetcher(t, {
    broker: { nodes: 2, racks: ["a", "b"] },
    topics: { t: 1 },
    fetcher: { rackId: "b" },
  });
  bench.broker.faults.moveLeader("t", 0, LEADER);
  await bench.run(bench.kafka.cluster.refresh(["t"]));
  let nodes: number[] = [];
  bench.broker.observe(({ api, nodeId }) => {
    if (api === "Fetch") nodes.push(nodeId);
  });
  const asked = (): number[] => {
    const seen = [...new Set(nodes)];
    nodes = [];
    return seen;
  };
  return { bench, asked };
}

test("a replica that the leader names is read from (KIP-392)", async (t) => {
  const { bench, asked } = await startInRack(t);
  await bench.send(0, "a");
  bench.fetcher.add("t", 0, 0);
  await bench.time.advance(100);
  assert.deepEqual(asked(), [LEADER, FOLLOWER]);
  await bench.send(0, "b");
  await bench.time.advance(2_000);
  assert.deepEqual(asked(), [FOLLOWER]);
  assert.deepEqual(bench.came(0), ["a", "b"]);
});

test("an offset that a replica does not have yet is looked for at the leader before it counts as out of range", async (t) => {
  const { bench, asked } = await startInRack(t);
  await bench.send(0, "a");
  bench.fetcher.add("t", 0, 0);
  await bench.time.advance(100);
  bench.broker.faults.fail({ api: "Fetch", node: FOLLOWER, errorCode: ErrorCode.OFFSET_OUT_OF_RANGE });
  await bench.send(0, "b");
  await bench.time.advance(2_000);
  assert.deepEqual(asked().includes(LEADER), true);
  assert.deepEqual(bench.came(0), ["a", "b"]);
  assert.deepEqual(bench.outOfRange, []);
});

test("with a replica that fails, reading goes back to the leader", async (t) => {
  const { bench, asked } = await startInRack(t);
  bench.fetcher.add("t", 0, 0);
  await bench.time.advance(1_000);
  asked();
  await bench.broker.faults.stop(FOLLOWER);
  await bench.send(0, "a");
  await bench.time.advance(5_000);
  assert.deepEqual(bench.came(0), ["a"]);
  assert.ok(asked().includes(LEADER));
});

test("a replica is asked for only as long as metadata counts as fresh", async (t) => {
  const { bench, asked } = await startInRack(t);
  bench.fetcher.add("t", 0, 0);
  await bench.time.advance(1_000);
  asked();
  await bench.time.advance(700_000);
  assert.ok(asked().includes(LEADER));
});
