import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Draft } from "../../protocol/field.ts";
import { produce } from "../../protocol/messages/00-produce.ts";
import { offsetFetch } from "../../protocol/messages/09-offset-fetch.ts";
import { findCoordinator } from "../../protocol/messages/10-find-coordinator.ts";
import { type InitProducerIdRequest, initProducerId } from "../../protocol/messages/22-init-producer-id.ts";
import { addPartitionsToTxn } from "../../protocol/messages/24-add-partitions-to-txn.ts";
import { endTxn } from "../../protocol/messages/26-end-txn.ts";
import { listTransactions } from "../../protocol/messages/66-list-transactions.ts";
import { isControl, readBatchHeaders } from "../../protocol/record-batch.ts";
import { readFetched } from "../../protocol/records.ts";
import { readMarker, type TransactionMarker } from "../../protocol/transaction-marker.ts";
import type { BrokerOptions } from "../../src/broker/mod.ts";
import { RawTransactions } from "../support/raw-transactions.ts";
import type { Bench, RawClient } from "./raw-client.ts";
import { batchOf, startBench } from "./raw-client.ts";
import { fetchFrom, produceTo } from "./records-bench.ts";
import { benchWire } from "./transaction-bench.ts";

const HOUR = 60 * 60 * 1000;
const STAMP = { producerId: 7, producerEpoch: 0, baseSequence: 0 };

interface Scene {
  readonly bench: Bench;
  readonly client: RawClient;
  producer(version?: 1 | 2, id?: string, timeoutMs?: number): Promise<RawTransactions>;
  committed(): Promise<string[]>;
  markers(): Promise<TransactionMarker[]>;
}

/** A topic `t` of one partition on node 1. Raw requests go to node 1. */
async function start(options: BrokerOptions = {}): Promise<Scene> {
  const bench = await startBench(options);
  await bench.broker.createTopic("t", { partitions: 1 });
  const client = await bench.connect();
  const wire = benchWire(bench, client);
  const all = { fetchOffset: 0 };
  return {
    bench,
    client,
    producer: (version = 2, id = "tx", timeoutMs) => RawTransactions.start(wire, id, version, timeoutMs),
    committed: async () => {
      const part = await fetchFrom(client, bench, all, { isolationLevel: 1 });
      const { records } = readFetched(part.records!.slice(), 0, part.abortedTransactions, 1 << 20);
      return records.map(({ value }) => new TextDecoder().decode(value!));
    },
    markers: async () => {
      const bytes = (await fetchFrom(client, bench, all)).records!.slice();
      return readBatchHeaders(bytes)
        .filter(isControl)
        .map((header) => readMarker(bytes, header));
    },
  };
}

describe("between the end of a transaction and its markers", () => {
  for (const version of [1, 2] as const) {
    test(`its producer has to wait, transaction version ${version}`, async () => {
      const { bench, producer, committed } = await start();
      const one = await producer(version);
      await one.send("t", 0, "a");
      await one.commitOffset("g", "t", 0, 1);
      const release = bench.broker.faults.holdMarkers();
      const before = one.identity;
      assert.equal(await one.commit(), ErrorCode.NONE);
      const { CONCURRENT_TRANSACTIONS } = ErrorCode;
      assert.equal(await one.addOnce("t", [0]), CONCURRENT_TRANSACTIONS);
      assert.equal(await one.addOffsetsOnce("g"), CONCURRENT_TRANSACTIONS);
      assert.equal((await one.initOnce()).errorCode, CONCURRENT_TRANSACTIONS);
      const offsets = {
        groupId: "g",
        topics: [{ name: "t", partitions: [{ partitionIndex: 0, committedOffset: 1 }] }],
      };
      const [produced] = [await one.produceOnce("t", 0, ["b"])];
      const [offsetError] = await one.commitOffsetsOnce(offsets);
      if (version === 1) {
        // The partition knows the transaction as open until its marker comes, and the epoch is the same.
        assert.equal(produced.errorCode, ErrorCode.NONE);
        assert.equal(offsetError, ErrorCode.COORDINATOR_NOT_AVAILABLE);
      } else {
        assert.equal(produced.errorCode, CONCURRENT_TRANSACTIONS);
        assert.equal(offsetError, CONCURRENT_TRANSACTIONS);
        assert.equal((await one.produceOnce("t", 0, ["b"], { version: 11 })).errorCode, ErrorCode.NOT_ENOUGH_REPLICAS);
      }
      one.identity = before;
      assert.equal((await one.endOnce(true)).errorCode, CONCURRENT_TRANSACTIONS);
      assert.deepEqual(await committed(), []);
      release();
      release();
      assert.deepEqual(await committed(), version === 1 ? ["a", "b"] : ["a"]);
      assert.equal((await one.endOnce(true)).errorCode, ErrorCode.NONE);
    });
  }
});

describe("a transaction's timeout", () => {
  test("aborts it at its time and not before", async () => {
    const { bench, producer, committed, markers } = await start();
    const one = await producer(2, "tx", 5000);
    await one.send("t", 0, "a");
    await bench.time.advance(4990);
    await one.send("t", 0, "b");
    assert.deepEqual(await markers(), []);
    await bench.time.advance(10);
    assert.equal((await markers())[0]!.committed, false);
    assert.equal((await one.produceOnce("t", 0, ["c"])).errorCode, ErrorCode.INVALID_PRODUCER_EPOCH);
    assert.deepEqual(await committed(), []);
  });

  test("counts from the beginning of each transaction, and not without one", async () => {
    const { bench, producer, committed } = await start();
    const one = await producer(2, "tx", 5000);
    await bench.time.advance(60_000);
    for (const value of ["a", "b", "c"]) {
      await one.send("t", 0, value);
      await bench.time.advance(4000);
      assert.equal(await one.commit(), ErrorCode.NONE);
    }
    assert.deepEqual(await committed(), ["a", "b", "c"]);
  });

  test("fences its producer for good where epochs do not rise with transactions", async () => {
    const { bench, producer, markers } = await start({ features: { "transaction.version": 1 } });
    const one = await producer(1);
    await one.send("t", 0, "a");
    bench.broker.faults.expireTransaction("tx");
    assert.throws(() => bench.broker.faults.expireTransaction("tx"), /no open transaction/);
    assert.equal((await markers())[0]!.producerEpoch, one.identity.producerEpoch + 1);
    assert.equal(await one.abort(), ErrorCode.PRODUCER_FENCED);
    assert.equal((await one.initOnce(1000, one.identity)).errorCode, ErrorCode.PRODUCER_FENCED);
  });
});

describe("a transaction goes on", () => {
  test("at another coordinator", async () => {
    const { bench, client, producer, committed, markers } = await start({ nodes: 2 });
    const { faults } = bench.broker;
    faults.moveLeader("t", 0, 1);
    faults.moveTransactionCoordinator("tx", 1);
    const one = await producer();
    await one.send("t", 0, "a");
    faults.moveTransactionCoordinator("tx", 2);
    assert.equal(await one.addOnce("t", [0]), ErrorCode.NOT_COORDINATOR);
    assert.equal((await one.endOnce(true)).errorCode, ErrorCode.NOT_COORDINATOR);
    assert.equal((await one.initOnce()).errorCode, ErrorCode.NOT_COORDINATOR);
    await one.send("t", 0, "b");
    const found = await bench.run(client.call(findCoordinator, 6, { keyType: 1, coordinatorKeys: ["tx"] }));
    assert.equal(found.coordinators[0]!.nodeId, 2);
    const other = await bench.connect(2);
    const ended = await bench.run(other.call(endTxn, 5, { transactionalId: "tx", ...one.identity, committed: true }));
    assert.equal(ended.errorCode, ErrorCode.NONE);
    assert.deepEqual(await committed(), ["a", "b"]);
    assert.equal((await markers())[0]!.coordinatorEpoch, 1);
    const listed = (node: RawClient): Promise<{ transactionStates: readonly unknown[] }> =>
      bench.run(node.call(listTransactions, 2, {}));
    assert.equal((await listed(client)).transactionStates.length, 0);
    assert.equal((await listed(other)).transactionStates.length, 1);
  });

  test("with a partition's new leader", async () => {
    const { bench, client, producer } = await start({ nodes: 2, defaultReplicationFactor: 2 });
    const { faults } = bench.broker;
    faults.moveTransactionCoordinator("tx", 1);
    faults.moveLeader("t", 0, 1);
    const one = await producer();
    await one.send("t", 0, "a");
    faults.moveLeader("t", 0, 2);
    assert.equal((await one.produceOnce("t", 0, ["b"])).errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER);
    const other = await bench.connect(2);
    const onward = new RawTransactions(
      { ...benchWire(bench, client), toLeader: benchWire(bench, other).toLeader },
      "tx",
      2,
    );
    onward.identity = one.identity;
    assert.equal((await onward.resend("t", 0, 1, ["b"])).errorCode, ErrorCode.NONE, "the sequence goes on");
    assert.equal(await onward.commit(), ErrorCode.NONE);
    const part = await fetchFrom(other, bench, { fetchOffset: 0 }, { isolationLevel: 1 });
    assert.equal(part.lastStableOffset, 3);
    assert.equal(readFetched(part.records!.slice(), 0, part.abortedTransactions, 1000).records.length, 2);
  });

  test("when its node is back, and ends on each partition as soon as that has a leader", async () => {
    const { bench, producer, committed } = await start({ nodes: 2, defaultReplicationFactor: 1 });
    const { faults } = bench.broker;
    await bench.broker.createTopic("other", { partitions: 1 });
    faults.moveTransactionCoordinator("tx", 1);
    faults.moveLeader("t", 0, 1);
    faults.moveLeader("other", 0, 1);
    const one = await producer();
    await one.send("t", 0, "a");
    await one.send("other", 0, "b");
    faults.moveLeader("other", 0, 2);
    await faults.stop(2);
    assert.equal(await one.commit(), ErrorCode.NONE);
    assert.deepEqual(await committed(), ["a"]);
    assert.equal(await one.addOnce("t", [0]), ErrorCode.CONCURRENT_TRANSACTIONS, "one marker is still due");
    await faults.start(2);
    const other = await bench.connect(2);
    const topics = [{ topic: "other", partitions: [{ fetchOffset: 0, partitionMaxBytes: 1000 }] }];
    const part = await fetchFrom(other, bench, {}, { isolationLevel: 1, topics });
    assert.equal(part.lastStableOffset, 2);
    assert.equal(await one.addOnce("t", [0]), ErrorCode.NONE);
  });

  test("without a topic that was deleted", async () => {
    const { bench, producer, committed } = await start();
    await bench.broker.createTopic("gone", { partitions: 1 });
    const one = await producer();
    await one.send("gone", 0, "x");
    await one.send("t", 0, "a");
    await one.commitOffset("g", "gone", 0, 4);
    await bench.broker.deleteTopic("gone");
    assert.equal(await one.commit(), ErrorCode.NONE);
    assert.deepEqual(await committed(), ["a"]);
    assert.deepEqual(bench.broker.groups()[0]!.offsets, []);
  });
});

describe("transactions", () => {
  test("of a batch of AddPartitionsToTxn are looked at each for itself", async () => {
    const { bench, client, producer } = await start();
    const one = await producer(1);
    await one.add("t", 0);
    const ask = async (version: number, verifyOnly: boolean): Promise<number[]> => {
      const topics = [{ name: "t", partitions: [0] }];
      const transactions = ["tx", "nobody", ""].map((transactionalId) => {
        return { transactionalId, ...one.identity, verifyOnly, topics };
      });
      const answer = await bench.run(client.call(addPartitionsToTxn, version, { transactions }));
      return answer.resultsByTransaction.map(
        ({ topicResults }) => topicResults[0]!.resultsByPartition[0]!.partitionErrorCode,
      );
    };
    const others = [ErrorCode.INVALID_PRODUCER_ID_MAPPING, ErrorCode.INVALID_REQUEST];
    assert.deepEqual(await ask(4, true), [ErrorCode.NONE, ...others]);
    assert.equal(await one.abort(), ErrorCode.NONE);
    assert.deepEqual(await ask(5, true), [ErrorCode.TRANSACTION_ABORTABLE, ...others]);
    assert.deepEqual(await ask(5, false), [ErrorCode.NONE, ...others]);
    assert.deepEqual(await ask(5, true), [ErrorCode.NONE, ...others]);
  });

  test("leave nothing of what took part to the next one", async () => {
    const { producer, committed } = await start();
    const one = await producer(1);
    const offsets = { groupId: "g", topics: [{ name: "t", partitions: [{ partitionIndex: 0, committedOffset: 1 }] }] };
    for (const end of [true, false]) {
      await one.send("t", 0, "a");
      await one.commitOffset("g", "t", 0, 1);
      await one.end(end);
      assert.equal((await one.produceOnce("t", 0, ["b"])).errorCode, ErrorCode.TRANSACTION_ABORTABLE);
      assert.deepEqual(await one.commitOffsetsOnce(offsets), [ErrorCode.TRANSACTION_ABORTABLE]);
    }
    assert.deepEqual(await committed(), ["a"]);
  });

  test("of ids that nobody uses are forgotten after a while, and no others", async () => {
    const { bench, producer } = await start({ transactionalIdExpiration: 2 * HOUR, transactionMaxTimeout: 5 * HOUR });
    const [idle, open, used] = [await producer(), await producer(2, "open", 5 * HOUR), await producer(2, "used")];
    await open.send("t", 0, "a");
    for (let hour = 0; hour < 4; hour++) {
      await bench.time.advance(HOUR);
      await used.send("t", 0, "b");
      assert.equal(await used.commit(), ErrorCode.NONE);
      await producer(2, `other ${hour}`);
    }
    assert.equal(await idle.addOnce("t", [0]), ErrorCode.INVALID_PRODUCER_ID_MAPPING);
    assert.equal(await open.commit(), ErrorCode.NONE);
    const again = await producer();
    assert.notEqual(again.identity.producerId, idle.identity.producerId, "it begins anew, with another producer");
  });

  test("have a name, and their producers a whole identity", async () => {
    const { bench, client } = await start();
    const ask = async (body: Draft<InitProducerIdRequest>): Promise<number> =>
      (await bench.run(client.call(initProducerId, 5, { transactionTimeoutMs: 1000, ...body }))).errorCode;
    assert.equal(await ask({ transactionalId: "" }), ErrorCode.INVALID_REQUEST);
    assert.equal(await ask({ transactionalId: "tx", producerId: 5 }), ErrorCode.INVALID_REQUEST);
    assert.equal(await ask({ transactionalId: "tx", producerEpoch: 5 }), ErrorCode.INVALID_REQUEST);
    const records = batchOf([[null, "x"]], bench.clock.now(), { ...STAMP, transactional: true });
    const { errorCode } = await produceTo(client, bench, records);
    assert.equal(errorCode, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    const silent = await bench.connect();
    const topicData = [{ name: "t", partitionData: [{ index: 0, records }] }];
    void silent.frame(produce, 12, { acks: 0, timeoutMs: 1000, topicData });
    await bench.run(silent.closed);
  });

  test("leave a group's offsets unstable in every form of the question", async () => {
    const { bench, client, producer } = await start();
    const one = await producer();
    await one.commitOffset("g", "t", 0, 3);
    await one.commit();
    await one.commitOffset("g", "t", 0, 4);
    const { UNSTABLE_OFFSET_COMMIT } = ErrorCode;
    const wanted = [{ name: "t", partitionIndexes: [0] }];
    for (const topics of [wanted, null]) {
      const single = { groupId: "g", topics, requireStable: true };
      const { errorCode, committedOffset } = (await bench.run(client.call(offsetFetch, 7, single))).topics[0]!
        .partitions[0]!;
      assert.deepEqual([errorCode, committedOffset], [UNSTABLE_OFFSET_COMMIT, -1]);
      const several = { groups: [{ groupId: "g", topics }], requireStable: true };
      const answer = await bench.run(client.call(offsetFetch, 9, several));
      assert.equal(answer.groups[0]!.topics[0]!.partitions[0]!.errorCode, UNSTABLE_OFFSET_COMMIT);
    }
  });
});
