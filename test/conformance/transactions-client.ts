import assert from "node:assert/strict";
import {
  type Consumer,
  type ConsumerBatch,
  type Kafka,
  KafkaError,
  ProducerFencedError,
  type RecordMetadata,
  TransactionAbortedError,
  type TransactionalProducer,
  TransactionOutcomeUnknownError,
} from "../../src/client/mod.ts";
import { conformanceTest, type Declare, type TestCluster } from "./conformance-test.ts";
import { consumerOf, take, text } from "./reading.ts";
import type { Target } from "./target.ts";

const END = "end";

function producerOf(cluster: TestCluster, kafka: Kafka = cluster.kafka()): TransactionalProducer {
  return kafka.producer({ transactionalId: cluster.fresh("tx") });
}

/** What a reader of committed records gets, by partition in order: it reads on until what is sent now has come. */
async function committedValues(cluster: TestCluster, topic: string): Promise<string[][]> {
  const count = await cluster.kafka().producer().partitionsFor(topic);
  const ends = Array.from({ length: count }, (_, partition) => ({ topic, partition, value: END }));
  await cluster.kafka().producer().sendMany(ends);
  const found: string[][] = ends.map(() => []);
  const consumer = consumerOf(cluster, { topics: [topic] });
  for await (const { partition, records } of consumer) {
    found[partition]!.push(...records.map(({ value }) => text(value)!));
    if (found.every((list) => list.at(-1) === END)) break;
  }
  return found.map((list) => list.filter((value) => value !== END));
}

/** The offset that a group has committed, as a new member of it sees it: it reads on from there. */
async function firstReadBy(cluster: TestCluster, topic: string, groupId: string): Promise<string | null> {
  const consumer = consumerOf(cluster, { topics: [topic], groupId });
  const [batch] = await take(consumer[Symbol.asyncIterator](), 1);
  await consumer.close();
  return text(batch!.records[0]!.value);
}

async function fill(cluster: TestCluster, topic: string, count: number): Promise<void> {
  const records = Array.from({ length: count }, (_, i) => ({ topic, partition: 0, value: String(i) }));
  await cluster.kafka().producer().sendMany(records);
}

/** Transactions as users of the client write them. */
export function transactionsClientConformance(target: Target): void {
  const test = conformanceTest(target);
  isolation(test);
  offsetsInTransactions(test);
  fencing(test);
  failures(test);
}

function isolation(test: Declare): void {
  test("of interleaved commits and aborts of several producers only what is committed is read, in order", async (cluster) => {
    const topic = await cluster.topic(2);
    const producers = Array.from({ length: 4 }, () => producerOf(cluster));
    const expected: { value: string; place: RecordMetadata }[] = [];
    const work = producers.map(async (producer, n) => {
      for (let round = 0; round < 8; round++) {
        const transaction = await producer.begin();
        const values = Array.from({ length: 1 + ((n + round) % 3) }, (_, i) => `${n}.${round}.${i}`);
        for (const [i, value] of values.entries()) void transaction.send({ topic, partition: (round + i) % 2, value });
        if ((n + round) % 3 === 0) await transaction.abort();
        else
          for (const [i, place] of (await transaction.commit()).entries()) expected.push({ value: values[i]!, place });
      }
    });
    await Promise.all(work);
    const found = await committedValues(cluster, topic);
    for (const [partition, values] of found.entries()) {
      const own = expected.filter(({ place }) => place.partition === partition);
      own.sort((a, b) => a.place.offset - b.place.offset);
      assert.deepEqual(
        values,
        own.map(({ value }) => value),
      );
    }
    assert.ok(expected.length > 30);
  });

  test("an open transaction holds back what comes after it, and its end lets it go", async (cluster) => {
    const topic = await cluster.topic();
    const open = await producerOf(cluster).begin();
    await open.send({ topic, value: "open" });
    await cluster.kafka().producer().send({ topic, value: "after" });
    const uncommitted = consumerOf(cluster, { topics: [topic], isolation: "readUncommitted" });
    const seen = (await take(uncommitted[Symbol.asyncIterator](), 2)).flatMap(({ records }) => records);
    assert.equal(seen.length, 2);
    const reading = take(consumerOf(cluster, { topics: [topic] })[Symbol.asyncIterator](), 1);
    const first = await Promise.race([reading, open.abort().then(() => "aborted")]);
    assert.equal(first, "aborted");
    assert.equal(text((await reading)[0]!.records[0]!.value), "after");
  });

  test("a pool's transactions beside each other are each committed once", async (cluster) => {
    const topic = await cluster.topic(3);
    const pool = cluster.kafka().transactionPool({ transactionalIdPrefix: cluster.fresh("pool"), maxProducers: 4 });
    const values = Array.from({ length: 60 }, (_, i) => String(i));
    const places = await Promise.all(
      values.map((value) => pool.sendTransaction({ records: [{ topic, key: value, value }] })),
    );
    assert.ok(places.every((list) => list.length === 1));
    assert.deepEqual((await committedValues(cluster, topic)).flat().sort(), [...values].sort());
    assert.equal(pool.size, 4);
  });
}

function offsetsInTransactions(test: Declare): void {
  test("offsets count when their transaction is committed, and not when it is aborted", async (cluster) => {
    const topic = await cluster.topic();
    await fill(cluster, topic, 10);
    const groupId = cluster.fresh("group");
    const groupMetadata = { groupId, memberId: "", generationId: -1 };
    const producer = producerOf(cluster);
    const send = async (offset: number, end: "commit" | "abort"): Promise<void> => {
      const transaction = await producer.begin();
      await transaction.sendOffsets({ groupMetadata, offsets: [{ topic, partition: 0, offset }] });
      await transaction[end]();
    };
    await send(3, "commit");
    assert.equal(await firstReadBy(cluster, topic, groupId), "3");
    await send(7, "abort");
    assert.equal(await firstReadBy(cluster, topic, groupId), "3");
  });

  test("offsets of an open transaction hold back a member's start, and do not fail it (KIP-447)", async (cluster) => {
    const topic = await cluster.topic();
    await fill(cluster, topic, 5);
    const groupId = cluster.fresh("group");
    const transaction = await producerOf(cluster).begin();
    const groupMetadata = { groupId, memberId: "", generationId: -1 };
    await transaction.sendOffsets({ groupMetadata, offsets: [{ topic, partition: 0, offset: 4 }] });
    const { kafka, transport } = cluster.unreliableKafka();
    const reading = take(consumerOf(cluster, { topics: [topic], groupId }, kafka)[Symbol.asyncIterator](), 1);
    // Joining takes fewer answers than this: the others say that the offsets are not stable.
    const first = await Promise.race([reading, transport.received(16).then(() => "waits")]);
    assert.equal(first, "waits");
    await transaction.commit();
    assert.equal(text((await reading)[0]!.records[0]!.value), "4");
  });

  test("a member that has been replaced commits nothing: neither its offsets nor its records (KIP-447)", async (cluster) => {
    const [source, sink] = [await cluster.topic(), await cluster.topic()];
    await fill(cluster, source, 3);
    const groupId = cluster.fresh("group");
    const zombie = consumerOf(cluster, { topics: [source], groupId });
    const [batch] = await take(zombie[Symbol.asyncIterator](), 1);
    const { groupMetadata } = zombie;
    await zombie.close();
    const heir = consumerOf(cluster, { topics: [source], groupId });
    await take(heir[Symbol.asyncIterator](), 1);
    const offsets = [{ topic: source, partition: 0, offset: batch!.nextOffset }];
    const producer = producerOf(cluster);
    await assert.rejects(
      producer.sendTransaction({
        records: [{ topic: sink, value: "zombie" }],
        offsets: { groupMetadata, offsets },
      }),
      (error) =>
        error instanceof TransactionAbortedError && ["ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID"].includes(error.code),
    );
    await producer.sendTransaction({ records: [{ topic: sink, value: "heir" }], offsets: { consumer: heir, offsets } });
    await heir.close();
    assert.deepEqual(await committedValues(cluster, sink), [["heir"]]);
    await cluster.kafka().producer().send({ topic: source, value: "next" });
    assert.equal(
      await firstReadBy(cluster, source, groupId),
      batch!.nextOffset < 3 ? String(batch!.nextOffset) : "next",
    );
  });

  test("consume, transform, produce: each record once, over many members and producers", async (cluster) => {
    const [source, sink] = [await cluster.topic(3), await cluster.topic(2)];
    const count = 120;
    const records = Array.from({ length: count }, (_, i) => ({ topic: source, partition: i % 3, value: String(i) }));
    await cluster.kafka().producer().sendMany(records);
    const groupId = cluster.fresh("group");
    const pool = cluster.kafka().transactionPool({ transactionalIdPrefix: cluster.fresh("pool") });
    let done = 0;
    const members = [0, 1, 2].map(() => consumerOf(cluster, { topics: [source], groupId, partitionMaxBytes: 200 }));
    const run = async (consumer: Consumer): Promise<void> => {
      for await (const batch of consumer) {
        const committed = await transform(pool, consumer, batch, sink);
        done += committed;
        if (done >= count) await Promise.all(members.map((member) => member.close()));
      }
    };
    await Promise.all(members.map(run));
    const found = (await committedValues(cluster, sink)).flat().map(Number);
    assert.deepEqual(
      found.sort((a, b) => a - b),
      records.map((_, i) => i),
    );
  });
}

/**
 * Takes one batch through a transaction, again if a rebalance has aborted it; how many of its records were committed.
 * One whose partition has moved is another member's.
 */
async function transform(
  pool: { sendTransaction: TransactionalProducer["sendTransaction"] },
  consumer: Consumer,
  batch: ConsumerBatch,
  topic: string,
): Promise<number> {
  const { partition, nextOffset: offset, leaderEpoch } = batch;
  const offsets = { consumer, offsets: [{ topic: batch.topic, partition, offset, leaderEpoch }] };
  for (;;) {
    try {
      await pool.sendTransaction({ records: batch.records.map(({ value }) => ({ topic, value })), offsets });
      return batch.records.length;
    } catch (error) {
      if (!(error instanceof TransactionAbortedError)) throw error;
      if (error.code === "NOT_OWNED") return 0;
    }
  }
}

function fencing(test: Declare): void {
  test("a second producer with the same transactional id aborts what the first has open, and fences it", async (cluster) => {
    const topic = await cluster.topic();
    const transactionalId = cluster.fresh("tx");
    const first = cluster.kafka().producer({ transactionalId });
    await first.sendTransaction({ records: [{ topic, value: "before" }] });
    const open = await first.begin();
    await open.send({ topic, value: "fenced" });
    const second = cluster.kafka().producer({ transactionalId });
    await second.sendTransaction({ records: [{ topic, value: "second" }] });
    await assert.rejects(open.commit(), ProducerFencedError);
    await assert.rejects(first.begin(), ProducerFencedError);
    await second.sendTransaction({ records: [{ topic, value: "third" }] });
    assert.deepEqual(await committedValues(cluster, topic), [["before", "second", "third"]]);
  });

  test("a producer that was fenced between its transactions is told so by the next", async (cluster) => {
    const topic = await cluster.topic();
    const transactionalId = cluster.fresh("tx");
    const first = cluster.kafka().producer({ transactionalId });
    await first.sendTransaction({ records: [{ topic, value: "first" }] });
    await cluster
      .kafka()
      .producer({ transactionalId })
      .sendTransaction({ records: [{ topic, value: "second" }] });
    await assert.rejects(first.sendTransaction({ records: [{ topic, value: "fenced" }] }), ProducerFencedError);
    assert.deepEqual(await committedValues(cluster, topic), [["first", "second"]]);
  });

  test("a transaction that is left open is aborted by the coordinator in time, and its producer is fenced", async (cluster) => {
    const topic = await cluster.topic();
    const transactionalId = cluster.fresh("tx");
    const producer = cluster.kafka().producer({ transactionalId, transactionTimeout: 1_000 });
    const transaction = await producer.begin();
    await transaction.send({ topic, value: "left open" });
    // It reads on only once the transaction has ended.
    assert.deepEqual(await committedValues(cluster, topic), [[]]);
    await assert.rejects(transaction.commit(), (error) => {
      assert.ok(error instanceof ProducerFencedError || error instanceof TransactionAbortedError, String(error));
      return true;
    });
    await cluster
      .kafka()
      .producer({ transactionalId })
      .sendTransaction({ records: [{ topic, value: "next" }] });
    assert.deepEqual(await committedValues(cluster, topic), [["next"]]);
  });

  test("a transactionTimeout beyond what the broker allows is refused by its name", async (cluster) => {
    const transactionalId = cluster.fresh("tx");
    const producer = cluster.kafka().producer({ transactionalId, transactionTimeout: 2 ** 31 - 1 });
    await assert.rejects(
      producer.begin(),
      (error) => error instanceof KafkaError && error.code === "INVALID_TRANSACTION_TIMEOUT",
    );
  });
}

function failures(test: Declare): void {
  test("whichever answer is lost, a commit that resolves is read, once, and one that is aborted is not", async (cluster) => {
    const topic = await cluster.topic();
    const { kafka, transport } = cluster.unreliableKafka();
    const producer = producerOf(cluster, kafka);
    await producer.sendTransaction({ records: [{ topic, value: "first" }] });
    const expected = ["first"];
    for (let i = 0; i < 12; i++) {
      const transaction = await producer.begin();
      transport.cutAnswerAfter(i % 4);
      const value = String(i);
      void transaction.send({ topic, value });
      try {
        await transaction.commit();
        expected.push(value);
      } catch (error) {
        if (error instanceof TransactionOutcomeUnknownError)
          await transaction.commit().then(() => expected.push(value));
        else assert.ok(error instanceof TransactionAbortedError, String(error));
      }
    }
    assert.deepEqual(await committedValues(cluster, topic), [expected]);
    assert.equal(expected.length, 13, "a lost answer is asked for again");
  });

  test("a producer that dies within a transaction holds nobody up for longer than its successor needs", async (cluster) => {
    const topic = await cluster.topic();
    const transactionalId = cluster.fresh("tx");
    const { kafka, transport } = cluster.unreliableKafka();
    // Its own end is not to be waited for.
    const transaction = await kafka.producer({ transactionalId, coordinatorTimeout: 500 }).begin();
    await transaction.send({ topic, value: "dead" });
    transport.kill();
    await cluster
      .kafka()
      .producer({ transactionalId })
      .sendTransaction({ records: [{ topic, value: "successor" }] });
    assert.deepEqual(await committedValues(cluster, topic), [["successor"]]);
  });

  test("records to a topic that does not exist abort the transaction, and the next one is fine", async (cluster) => {
    const topic = await cluster.topic();
    const producer = producerOf(cluster);
    const records = [
      { topic, value: "beside" },
      { topic: cluster.fresh("missing"), value: "x" },
    ];
    await assert.rejects(
      producer.sendTransaction({ records }),
      (error) => error instanceof TransactionAbortedError && error.code === "UNKNOWN_TOPIC_OR_PARTITION",
    );
    await producer.sendTransaction({ records: [{ topic, value: "fine" }] });
    assert.deepEqual(await committedValues(cluster, topic), [["fine"]]);
  });
}
