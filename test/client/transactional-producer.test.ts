import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode as E } from "../../protocol/errors.ts";
import type { KafkaError } from "../../src/client/errors.ts";
import type { Transaction } from "../../src/client/transaction.ts";
import { ProducerFencedError, TransactionAbortedError } from "../../src/client/transaction-errors.ts";
import { committed, GROUP, LEVELS, RECORDS, startTransactionScript } from "../support/transaction-script.ts";

test("without transaction.version 2 the coordinator is told of partitions and offsets first; the epoch stays", async () => {
  // Brokers of these versions offer Produce 12 and EndTxn 5 all the same.
  for (const level of [0, 1]) {
    const script = await startTransactionScript({ level });
    await committed(script);
    const first = script.asked();
    assert.deepEqual(first[0], "InitProducerId -1/-1");
    assert.deepEqual(first.slice(1).sort(), [
      "AddOffsetsToTxn g",
      "AddPartitionsToTxn t/0",
      "EndTxn commit 0",
      "Produce tx 0:e0s0t",
      "TxnOffsetCommit g m/3/i",
    ]);
    assert.ok(first.indexOf("AddPartitionsToTxn t/0") < first.indexOf("Produce tx 0:e0s0t"));
    assert.ok(first.indexOf("AddOffsetsToTxn g") < first.indexOf("TxnOffsetCommit g m/3/i"));
    assert.equal(first.at(-1), "EndTxn commit 0");
    await committed(script);
    assert.ok(script.asked().includes("Produce tx 0:e0s1t"), "sequences go on in the next transaction");
    const highest = (["Produce", "AddPartitionsToTxn", "TxnOffsetCommit", "EndTxn"] as const).map((api) =>
      Math.max(...script.versions(api)),
    );
    assert.deepEqual(highest, [11, 3, 4, 4]);
    await script.run(script.kafka.close());
  }
});

test("with transaction.version 2 writing adds the partition, and each transaction has the epoch that the last one's end gave", async () => {
  const script = await startTransactionScript({ level: 2 });
  await committed(script);
  assert.deepEqual(script.asked().sort(), [
    "EndTxn commit 0",
    "InitProducerId -1/-1",
    "Produce tx 0:e0s0t",
    "TxnOffsetCommit g m/3/i",
  ]);
  await committed(script);
  assert.deepEqual(script.asked().sort(), ["EndTxn commit 1", "Produce tx 0:e1s0t", "TxnOffsetCommit g m/3/i"]);
  assert.deepEqual([...script.versions("EndTxn")], [5]);
  await script.run(script.kafka.close());
});

test("partitions that are written to in one tick are added together, and once in a transaction", async () => {
  const script = await startTransactionScript({ level: 0 });
  const transaction = await script.run(script.producer.begin());
  const both = [0, 1].map((partition) => transaction.send({ topic: "t", partition, value: "x" }));
  await script.run(Promise.all(both));
  await script.run(transaction.send({ topic: "t", partition: 1, value: "y" }));
  await script.run(transaction.commit());
  const added = script.asked().filter((one) => one.startsWith("AddPartitionsToTxn"));
  assert.deepEqual(added, ["AddPartitionsToTxn t/0,t/1"]);
  await script.run(script.kafka.close());
});

test("commit tells the place of each record in the order of the calls; a transaction without any asks nothing", async () => {
  for (const level of LEVELS) {
    const script = await startTransactionScript({ level });
    const transaction = await script.run(script.producer.begin());
    void transaction.send({ topic: "t", partition: 1, value: "a" });
    void transaction.sendMany([0, 1].map((partition) => ({ topic: "t", partition, value: "b" })));
    const places = await script.run(transaction.commit());
    assert.deepEqual(
      places.map(({ partition }) => partition),
      [1, 0, 1],
    );
    script.asked();
    await script.run((await script.run(script.producer.begin())).commit());
    await script.run((await script.run(script.producer.begin())).abort());
    assert.deepEqual(script.asked(), []);
    await script.run(script.kafka.close());
  }
});

test("an aborted transaction is ended as such, what was not sent stays unsent, and the producer goes on", async () => {
  for (const level of LEVELS) {
    const script = await startTransactionScript({ level, producer: { linger: 60_000 } });
    const transaction = await script.run(script.producer.begin());
    const sent = transaction.send({ topic: "t", partition: 0, value: "a" });
    await script.bench.time.advance(10);
    await script.run(transaction.abort());
    await assert.rejects(sent, { code: "TRANSACTION_ABORTED" });
    await assert.rejects(transaction.send({ topic: "t", value: "late" }), { code: "TRANSACTION_ENDED" });
    await assert.rejects(transaction.commit(), { code: "TRANSACTION_ENDED" });
    await script.run(transaction.abort());
    const asked = script.asked();
    assert.ok(!asked.some((one) => one.startsWith("Produce") || one.startsWith("EndTxn")), asked.join("; "));
    await committed(script);
    await script.run(script.kafka.close());
  }
});

test("transaction commits what its function has sent and gives its value, or aborts and rejects with what it threw", async () => {
  for (const level of LEVELS) {
    const script = await startTransactionScript({ level });
    const { producer } = script;
    const work = async (transaction: Transaction): Promise<string> => {
      await transaction.sendMany(RECORDS);
      return "value";
    };
    const { value, records } = await script.run(producer.transaction(work));
    assert.deepEqual([value, records.length], ["value", 1]);
    assert.ok(script.asked().includes("EndTxn commit 0"));
    const mistake = new Error("mistake");
    const failing = producer.transaction(async (transaction) => {
      await transaction.sendMany(RECORDS);
      throw mistake;
    });
    await assert.rejects(script.run(failing), mistake);
    assert.ok(script.asked().some((one) => one.startsWith("EndTxn abort")));
    await committed(script);
    await script.run(script.kafka.close());
  }
});

test("init takes over the transactional id once, and ends nothing", async () => {
  for (const level of LEVELS) {
    const script = await startTransactionScript({ level });
    await script.run(script.producer.init());
    await script.run(script.producer.init());
    assert.deepEqual(script.asked(), ["InitProducerId -1/-1"]);
    await committed(script);
    await script.run(script.kafka.close());
  }
});

test("one transaction is open at a time", async () => {
  const script = await startTransactionScript({ level: 2 });
  const first = script.producer.begin();
  assert.equal((await script.failure(script.producer.begin())).code, "TRANSACTION_OPEN");
  const transaction = await script.run(first);
  assert.equal((await script.failure(script.producer.sendTransaction({ records: RECORDS }))).code, "TRANSACTION_OPEN");
  await script.run(transaction.commit());
  await committed(script);
  await script.run(script.kafka.close());
});

test("begin rejects for what is refused: fenced for good, others for now", async () => {
  const fenced = await startTransactionScript({ level: 2 });
  fenced.fates("InitProducerId", E.PRODUCER_FENCED);
  assert.ok((await fenced.failure(fenced.producer.begin())) instanceof ProducerFencedError);
  assert.ok((await fenced.failure(fenced.producer.begin())) instanceof ProducerFencedError);
  for (const [code, name, text] of [
    [E.INVALID_TRANSACTION_TIMEOUT, "INVALID_TRANSACTION_TIMEOUT", /60000 ms.*transaction\.max\.timeout\.ms/],
    [E.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", /transactional id tx/],
  ] as const) {
    const script = await startTransactionScript({ level: 2 });
    script.fates("InitProducerId", code);
    const error = await script.failure(script.producer.begin());
    assert.equal(error.code, name);
    assert.match(error.message, text);
    await committed(script);
    await script.run(script.kafka.close());
  }
  await fenced.run(fenced.kafka.close());
});

test("begin and abort have their time: nothing waits for a coordinator that is silent", async () => {
  for (const level of LEVELS) {
    const script = await startTransactionScript({ level, producer: { coordinatorTimeout: 4_000 } });
    script.fates("InitProducerId", "silence", "silence");
    const start = script.bench.time.elapsed;
    assert.equal((await script.failure(script.producer.begin())).code, "TRANSACTION_TIMED_OUT");
    assert.equal(script.bench.time.elapsed - start, 4_000);
    script.fates("InitProducerId");
    const transaction = await script.run(script.producer.begin());
    await script.run(transaction.sendMany(RECORDS));
    script.fates("EndTxn", "silence");
    assert.equal((await script.failure(transaction.abort())).code, "TRANSACTION_TIMED_OUT");
    script.fates("EndTxn");
    await committed(script);
    await script.run(script.kafka.close());
  }
});

test("a record that can never be sent aborts the transaction, though nobody has awaited it", async () => {
  const script = await startTransactionScript({ level: 2, producer: { maxRequestSize: 100 } });
  for (const record of [
    { topic: "t", value: "x".repeat(200) },
    { topic: "", value: "x" },
    { topic: "t", partition: 7, value: "x" },
  ]) {
    const transaction = await script.run(script.producer.begin());
    void transaction.send({ topic: "t", value: "fine" });
    void transaction.send(record);
    const error = await script.failure(transaction.commit());
    assert.ok(error instanceof TransactionAbortedError);
    assert.ok(["MESSAGE_TOO_LARGE", "INVALID_ARGUMENT"].includes(error.code), error.code);
    // As users do.
    await script.run(transaction.abort());
  }
  await script.run(script.kafka.close());
});

test("a record that is not sent in time aborts the transaction, of which it is waited for no longer than it may be open", async () => {
  const script = await startTransactionScript({ level: 0, producer: { transactionTimeout: 10_000 } });
  const transaction = await script.run(script.producer.begin());
  script.fates("AddPartitionsToTxn", ...Array.from({ length: 200 }, () => E.COORDINATOR_LOAD_IN_PROGRESS));
  const start = script.bench.time.elapsed;
  const error = await script.failure(transaction.send(RECORDS[0]!));
  assert.equal(error.code, "DELIVERY_TIMED_OUT");
  assert.equal(script.bench.time.elapsed - start, 10_000);
  script.fates("AddPartitionsToTxn");
  assert.equal((await script.failure(transaction.commit())).code, "DELIVERY_TIMED_OUT");
  await committed(script);
  await script.run(script.kafka.close());
});

test("an abort waits for what is on its way, so that nothing of it is written after the end", async () => {
  for (const level of LEVELS) {
    const script = await startTransactionScript({ level });
    const transaction = await script.run(script.producer.begin());
    script.fates("Produce", "silence");
    const sent = transaction.sendMany(RECORDS);
    await script.bench.time.advance(1_000);
    const aborted = transaction.abort();
    await script.bench.time.advance(1_000);
    assert.ok(!script.asked().some((one) => one.startsWith("EndTxn")));
    await script.run(aborted);
    await assert.rejects(sent);
    assert.ok(script.asked().includes("EndTxn abort 0"));
    await committed(script);
    await script.run(script.kafka.close());
  }
});

test("a consumer's offsets are committed as its member, and only of partitions that it owns", async () => {
  const script = await startTransactionScript({ level: 2 });
  const consumer = {
    groupMetadata: GROUP,
    owns: (_topic: string, partition: number) => partition === 0,
    hasRead: (_partition: object, offset: number) => offset < 5,
  };
  const offset = (partition: number, offset = 1) => ({ topic: "t", partition, offset });
  await script.run(script.producer.sendTransaction({ offsets: { consumer, offsets: [offset(0)] } }));
  assert.ok(script.asked().includes("TxnOffsetCommit g m/3/i"));
  for (const late of [offset(1), offset(0, 5)]) {
    const lost = script.producer.sendTransaction({ records: RECORDS, offsets: { consumer, offsets: [late] } });
    const error = await script.failure(lost);
    assert.ok(error instanceof TransactionAbortedError);
    assert.equal(error.code, "NOT_OWNED");
  }
  await script.run(script.kafka.close());
});

test("close gives up records and the abort together, where no broker answers", async () => {
  const script = await startTransactionScript({ level: 2 });
  const transaction = await script.run(script.producer.begin());
  script.fates("Produce", ...Array.from({ length: 20 }, () => "silence" as const));
  script.fates("EndTxn", ...Array.from({ length: 20 }, () => "silence" as const));
  const sent = script.failure(transaction.sendMany(RECORDS));
  await script.bench.time.advance(1_000);
  const start = script.bench.time.elapsed;
  await script.run(script.kafka.close());
  assert.ok(script.bench.time.elapsed - start <= 5_000, `${script.bench.time.elapsed - start} ms`);
  assert.ok((await sent) instanceof Error);
});

test("close aborts what is open, refuses what comes after, and ends though nobody answers", async () => {
  for (const fate of [0, "silence"] as const) {
    const script = await startTransactionScript({ level: 2 });
    const transaction = await script.run(script.producer.begin());
    await script.run(transaction.sendMany(RECORDS));
    script.asked();
    script.fates("EndTxn", fate);
    const start = script.bench.time.elapsed;
    await script.run(script.producer.close());
    assert.ok(script.bench.time.elapsed - start <= 5_000);
    assert.deepEqual(script.asked(), ["EndTxn abort 0"]);
    const refused: KafkaError = await script.failure(script.producer.begin());
    assert.equal(refused.code, "CLOSED");
    await script.run(script.kafka.close());
  }
});
