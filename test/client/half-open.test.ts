import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Kafka } from "../../src/client/mod.ts";
import type { MemoryTransport } from "../../src/net/memory.ts";
import { type ClientBench, startClientBench } from "../support/client-bench.ts";

const SECOND = 1_000;
/** The poll, the silence after which the broker is asked, and the grace. */
const READING_GOES_ON = 5 * SECOND;
/** As long as replicas are waited for, until the next look, and the grace. */
const WRITING_GOES_ON = 14 * SECOND;

interface Scene extends ClientBench {
  /** The client whose connections are hurt. */
  readonly it: Kafka;
  readonly way: MemoryTransport;
  /** Connections that it has lost, by role. */
  readonly lost: string[];
}

async function start(t: TestContext): Promise<Scene> {
  const bench = await startClientBench(t, { broker: { nodes: 3 }, topics: { t: 3 } });
  for (const partition of [0, 1, 2]) bench.broker.faults.moveLeader("t", partition, partition + 1);
  const clock = bench.time.instance();
  const way = bench.network.transport(clock);
  const it = bench.client({ clock, transport: way });
  const lost: string[] = [];
  it.on("disconnect", ({ role }) => lost.push(role));
  return { ...bench, it, way, lost };
}

test("a reader whose connections are half open reads on within seconds", async (t) => {
  const bench = await start(t);
  const consumer = bench.it.consumer({ assignment: [0, 1, 2].map((partition) => ({ topic: "t", partition })) });
  const batches = consumer[Symbol.asyncIterator]();
  const writer = bench.kafka.producer();
  const read = async (partition: number): Promise<number> => {
    const before = bench.time.elapsed;
    await bench.run(Promise.all([batches.next(), writer.send({ topic: "t", partition, value: "v" })]));
    return bench.time.elapsed - before;
  };
  for (const partition of [0, 1, 2]) await read(partition);
  bench.way.strand();
  for (const partition of [0, 1, 2]) {
    const took = await read(partition);
    assert.ok(took <= READING_GOES_ON, `partition ${partition}: ${took} ms`);
  }
});

test("a writer whose connections are half open writes on long before its requests have timed out, each record once", async (t) => {
  const bench = await start(t);
  const producer = bench.it.producer();
  const send = (value: string) =>
    Promise.all([0, 1, 2].map((partition) => producer.send({ topic: "t", partition, value })));
  await bench.run(send("before"));
  bench.way.strand();
  const began = bench.time.elapsed;
  await bench.run(send("after"));
  const took = bench.time.elapsed - began;
  assert.ok(took <= WRITING_GOES_ON, `${took} ms`);
  for (const partition of [0, 1, 2]) assert.deepEqual(await bench.values("t", partition), ["before", "after"]);
});

test("connections that nobody uses are closed with one that was half open, and those that were heard from since are kept", async (t) => {
  const bench = await start(t);
  const { it } = bench;
  const producer = it.producer();
  const send = (): Promise<unknown> =>
    Promise.all([0, 1, 2].map((partition) => producer.send({ topic: "t", partition, value: "v" })));
  await bench.run(send());
  const consumer = it.consumer({ assignment: [{ topic: "t", partition: 0 }] });
  const next = consumer[Symbol.asyncIterator]().next();
  await bench.run(next);
  bench.way.strand();
  await bench.time.advance(SECOND);
  const fresh = await bench.run(it.cluster.node(2, "transactions"));
  await bench.time.advance(READING_GOES_ON);
  assert.ok(bench.lost.includes("produce") && bench.lost.includes("fetch/1"), String(bench.lost));
  assert.equal(fresh.cause, undefined);
  const began = bench.time.elapsed;
  await bench.run(send());
  assert.equal(bench.time.elapsed, began, "nothing has to be found out any more");
  await bench.run(consumer.close());
});

test("a broker that hangs keeps its connections: it answers nobody, and goes on where it was", async (t) => {
  const bench = await start(t);
  const producer = bench.it.producer();
  await bench.run(producer.send({ topic: "t", partition: 1, value: "before" }));
  // A process that is stopped still has its connections, and takes new ones.
  bench.broker.faults.delay({ node: 2, ms: 20 * SECOND, times: Number.POSITIVE_INFINITY });
  const sent = producer.send({ topic: "t", partition: 1, value: "after" });
  await bench.time.advance(19 * SECOND);
  bench.broker.faults.clear();
  await bench.run(sent);
  assert.deepEqual(bench.lost, []);
  assert.deepEqual(await bench.values("t", 1), ["before", "after"]);
});

test("a member that joins waits for the others on its connection, however long they take", async (t) => {
  const bench = await start(t);
  const group = { groupId: "g", topics: ["t"], groupProtocol: "classic", rebalanceTimeout: 60 * SECOND } as const;
  const other = bench.client({ clientId: "other" }).consumer(group);
  void other[Symbol.asyncIterator]()
    .next()
    .catch(() => {});
  await bench.time.advance(10 * SECOND);
  bench.broker.faults.delay({ api: "JoinGroup", ms: 40 * SECOND, where: ({ clientId }) => clientId === "other" });
  const joins = bench.it.consumer(group);
  void joins[Symbol.asyncIterator]()
    .next()
    .catch(() => {});
  await bench.time.advance(30 * SECOND);
  assert.equal(joins.assignment().length, 0);
  await bench.time.advance(30 * SECOND);
  assert.deepEqual(bench.lost, []);
  assert.ok(joins.assignment().length > 0);
  await bench.run(Promise.all([joins.close(), other.close()]));
});
