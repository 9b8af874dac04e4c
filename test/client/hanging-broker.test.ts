import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Consumer, ConsumerBatch, Kafka, KafkaOptions } from "../../src/client/mod.ts";
import type { TransactionPool } from "../../src/client/transaction-pool.ts";
import { type ClientBench, startClientBench } from "../support/client-bench.ts";
import { hangingTransport } from "../support/hanging-transport.ts";

const SECOND = 1_000;
/** How long the cluster lists a broker that hangs: Kafka's `broker.session.timeout.ms`. */
const FENCED_AFTER = 9 * SECOND;
/** By then a client that asks every three seconds knows of it, and has gone on. */
const SOON = FENCED_AFTER + 7 * SECOND;
const HUNG = 2;

interface HangingBench extends ClientBench {
  readonly it: Kafka;
  /** The broker hangs now, and the others take it for gone nine seconds later. */
  hang(): void;
}

async function start(t: TestContext, options: Partial<KafkaOptions> = {}): Promise<HangingBench> {
  const bench = await startClientBench(t, { broker: { nodes: 3 }, topics: { t: 3 } });
  for (const partition of [0, 1, 2]) bench.broker.faults.moveLeader("t", partition, partition + 1);
  const clock = bench.time.instance();
  const transport = hangingTransport(bench.network.transport(clock));
  const it = bench.client({ clock, transport, ...options });
  return {
    ...bench,
    it,
    hang: () => {
      transport.hang(bench.broker.addresses[HUNG - 1]!);
      bench.time.instance().timer(FENCED_AFTER, () => void bench.broker.faults.stop(HUNG));
    },
  };
}

async function soon<T>(bench: HangingBench, work: Promise<T>): Promise<T> {
  const before = bench.time.elapsed;
  const result = await bench.run(work);
  const took = bench.time.elapsed - before;
  assert.ok(took >= FENCED_AFTER / 2 && took <= SOON, `${took} ms`);
  return result;
}

test("records for a leader that hangs go to the next one as soon as there is one, once each", async (t) => {
  const bench = await start(t);
  const producer = bench.it.producer();
  await bench.run(producer.send({ topic: "t", partition: 1, value: "before" }));
  bench.hang();
  const sends = ["a", "b"].map((value) => producer.send({ topic: "t", partition: 1, value }));
  await soon(bench, Promise.all(sends));
  assert.deepEqual(await bench.values("t", 1), ["before", "a", "b"]);
});

test("reading goes on as soon as a leader that hangs has been replaced", async (t) => {
  const bench = await start(t);
  const { it } = bench;
  const consumer = it.consumer({ assignment: [{ topic: "t", partition: 1 }] });
  const batches = consumer[Symbol.asyncIterator]();
  const writer = bench.kafka.producer();
  await bench.run(writer.send({ topic: "t", partition: 1, value: "before" }));
  await bench.run(batches.next());
  bench.hang();
  const next = batches.next();
  await soon(
    bench,
    Promise.all([
      next,
      bench.time.advance(FENCED_AFTER).then(() => writer.send({ topic: "t", partition: 1, value: "after" })),
    ]),
  );
});

for (const groupProtocol of ["classic", "consumer"] as const) {
  test(`a commit to a coordinator that hangs reaches the next one at once (${groupProtocol})`, async (t) => {
    const bench = await start(t);
    const { consumer, batch } = await readOne(bench, groupProtocol);
    bench.hang();
    await soon(bench, consumer.commit(batch));
    assert.equal((await bench.run(consumer.committed([batch])))[0]?.offset, batch.nextOffset);
  });
}

test("a member whose first join waits at a coordinator that hangs joins at the next one", async (t) => {
  const bench = await start(t);
  bench.broker.faults.moveCoordinator("g", HUNG);
  bench.broker.faults.delay({ api: "JoinGroup", ms: SECOND, times: 1 });
  const consumer = bench.it.consumer({ groupId: "g", topics: ["t"], groupProtocol: "classic" });
  const assigned = new Promise<void>((resolve) => void consumer.on("assigned", () => resolve()));
  const asked = new Promise<void>((resolve) => {
    bench.broker.observe(({ api }) => {
      if (api === "JoinGroup") resolve();
    });
  });
  void consumer[Symbol.asyncIterator]().next();
  await bench.run(asked);
  bench.hang();
  await soon(bench, assigned);
});

async function readOne(
  bench: HangingBench,
  groupProtocol: "classic" | "consumer",
): Promise<{ consumer: Consumer; batch: ConsumerBatch }> {
  bench.broker.faults.moveCoordinator("g", HUNG);
  const consumer: Consumer = bench.it.consumer({ groupId: "g", topics: ["t"], groupProtocol });
  const batches = consumer[Symbol.asyncIterator]();
  await bench.run(bench.kafka.producer().send({ topic: "t", partition: 0, value: "v" }));
  const { value: batch } = await bench.run(batches.next());
  void batches.next();
  return { consumer, batch: batch as ConsumerBatch };
}

test("a transaction whose coordinator hangs is committed by the next one, once", async (t) => {
  const bench = await start(t);
  const pool: TransactionPool = bench.it.transactionPool({ transactionalIdPrefix: "p", maxProducers: 1 });
  bench.broker.faults.moveTransactionCoordinator("p/0", HUNG);
  const record = (value: string) => ({ topic: "t", partition: 0, value });
  await bench.run(pool.sendTransaction({ records: [record("before")] }));
  bench.hang();
  await soon(bench, pool.sendTransaction({ records: [record("after")] }));
  const consumer = bench.kafka.consumer({ assignment: [{ topic: "t", partition: 0 }] });
  const values: string[] = [];
  await bench.run(
    (async () => {
      for await (const { records } of consumer) {
        for (const { value } of records) values.push(new TextDecoder().decode(value!));
        if (values.length >= 2) break;
      }
    })(),
  );
  assert.deepEqual(values, ["before", "after"]);
});

test("an administrative call to a broker that hangs is repeated elsewhere", async (t) => {
  const bench = await start(t);
  const admin = bench.it.admin();
  bench.broker.faults.moveCoordinator("g", HUNG);
  await readOne(bench, "classic");
  await bench.run(admin.describeGroups(["g"]));
  bench.hang();
  await soon(bench, admin.describeGroups(["g"]));
});

test("a broker that is slow, and listed, keeps its connection for as long as it may wait for replicas", async (t) => {
  const bench = await start(t);
  const producer = bench.it.producer();
  await bench.run(producer.send({ topic: "t", partition: 1, value: "before" }));
  let closed = 0;
  bench.it.on("disconnect", () => closed++);
  bench.broker.faults.delay({ api: "Produce", ms: FENCED_AFTER, times: 1 });
  await bench.run(producer.send({ topic: "t", partition: 1, value: "slow" }));
  assert.equal(closed, 0);
  bench.broker.faults.delay({ api: "Produce", ms: 20 * SECOND, times: 1 });
  await bench.run(producer.send({ topic: "t", partition: 1, value: "slower" }));
  assert.equal(closed, 1);
  assert.deepEqual(await bench.values("t", 1), ["before", "slow", "slower"]);
});

test("an attempt to connect to a broker that hangs ends with its place in the cluster", async (t) => {
  const bench = await start(t, { connectTimeout: 60 * SECOND });
  await bench.run(bench.it.cluster.topic("t", SECOND));
  bench.hang();
  await soon(bench, bench.it.producer().send({ topic: "t", partition: 1, value: "v" }));
});
