import assert from "node:assert/strict";
import { ErrorCode } from "../../protocol/errors.ts";
import type { EndTxnResponse } from "../../protocol/messages/26-end-txn.ts";
import { describeProducers } from "../../protocol/messages/61-describe-producers.ts";
import { describeTransactions } from "../../protocol/messages/65-describe-transactions.ts";
import { listTransactions } from "../../protocol/messages/66-list-transactions.ts";
import { RawTransactions } from "../support/raw-transactions.ts";
import type { Target } from "./target.ts";
import { transactionTest } from "./transaction-scene.ts";

/** A transactional id has one producer: what its coordinator says to it, to those before it, and to others. */
export function transactionOwnersConformance(target: Target): void {
  const test = transactionTest(target);

  test("a new producer of the id aborts what the old one has open, and fences it", async (scene) => {
    const topic = await scene.topic();
    const old = await scene.producer();
    await old.send(topic, 0, "old");
    const next = new RawTransactions(scene.wire, old.transactionalId, scene.version);
    assert.equal((await next.initOnce()).errorCode, ErrorCode.CONCURRENT_TRANSACTIONS);
    await next.init();
    assert.equal(next.identity.producerId, old.identity.producerId);
    assert.ok(next.identity.producerEpoch > old.identity.producerEpoch + 1, "the epoch between was never given out");
    const [FENCED, EPOCH] = [ErrorCode.PRODUCER_FENCED, ErrorCode.INVALID_PRODUCER_EPOCH];
    assert.equal((await old.initOnce(60_000, old.identity)).errorCode, FENCED);
    await next.send(topic, 0, "next");
    assert.equal((await old.produceOnce(topic, 0, ["zombie"])).errorCode, EPOCH);
    assert.equal(await old.addOnce(topic, [0]), FENCED);
    assert.equal(await old.addOnce(topic, [0], 1), EPOCH, "version 1 does not know PRODUCER_FENCED");
    assert.equal(await old.addOffsetsOnce("g"), FENCED);
    assert.equal((await old.endOnce(true)).errorCode, FENCED);
    assert.equal((await old.endOnce(true, 1)).errorCode, EPOCH);
    await next.commit();
    assert.deepEqual(await scene.await(topic, 1), ["next"]);
  });

  test("a new producer of the id fences one that has nothing open", async (scene) => {
    const topic = await scene.topic();
    const old = await scene.producer();
    const next = await scene.producer(old.transactionalId);
    assert.equal(next.identity.producerEpoch, old.identity.producerEpoch + 1);
    await next.send(topic, 0, "next");
    assert.equal((await old.produceOnce(topic, 0, ["zombie"])).errorCode, ErrorCode.INVALID_PRODUCER_EPOCH);
    await next.commit();
  });

  test("a producer takes its id again after an error, as often as the answer is lost (KIP-360)", async (scene) => {
    const producer = await scene.producer();
    const before = producer.identity;
    const first = await producer.initOnce(60_000, before);
    assert.deepEqual([first.errorCode, first.producerEpoch], [ErrorCode.NONE, before.producerEpoch + 1]);
    const again = await producer.initOnce(60_000, before);
    assert.deepEqual([again.errorCode, again.producerEpoch], [ErrorCode.NONE, before.producerEpoch + 1]);
    const { errorCode, producerEpoch } = await producer.initOnce(60_000, first);
    assert.deepEqual([errorCode, producerEpoch], [ErrorCode.NONE, before.producerEpoch + 2]);
    assert.equal((await producer.initOnce(60_000, before)).errorCode, ErrorCode.PRODUCER_FENCED);
    const stranger = { producerId: Number(before.producerId) + 1_000_000, producerEpoch: 0 };
    assert.equal((await producer.initOnce(60_000, stranger)).errorCode, ErrorCode.PRODUCER_FENCED);
  });

  test("the end of a transaction may be asked for again, the other end may not", async (scene) => {
    const topic = await scene.topic();
    const producer = await scene.producer();
    for (const committed of [true, false]) {
      await producer.send(topic, 0, `${committed}`);
      const first = await producer.endOnce(committed);
      assert.equal(first.errorCode, ErrorCode.NONE);
      const endAgain = (how: boolean): Promise<EndTxnResponse> =>
        producer.patient(
          () => producer.endOnce(how),
          (answer) => answer.errorCode,
        );
      assert.deepEqual(await endAgain(committed), first);
      assert.equal((await endAgain(!committed)).errorCode, ErrorCode.INVALID_TXN_STATE);
      if (scene.version === 1) continue;
      assert.equal(first.producerEpoch, producer.identity.producerEpoch + 1);
      producer.become(first);
    }
  });

  test("where there is nothing to end, a commit is refused", async (scene) => {
    const producer = await scene.producer();
    assert.equal(await producer.commit(), ErrorCode.INVALID_TXN_STATE);
    const before = producer.identity;
    const nothing = scene.version === 1 ? ErrorCode.INVALID_TXN_STATE : ErrorCode.NONE;
    assert.equal(await producer.abort(), nothing, "an abort is too, where it could not also mean what never arrived");
    if (scene.version === 2) assert.equal(producer.identity.producerEpoch, before.producerEpoch + 1);
  });

  test("requests of an id or a producer that the coordinator does not know are refused", async (scene) => {
    const topic = await scene.topic();
    const known = await scene.producer();
    const strangers = [known.transactionalId, scene.cluster.fresh("tx")].map((id) => {
      const stranger = new RawTransactions(scene.wire, id, scene.version);
      stranger.identity = { producerId: Number(known.identity.producerId) + 1_000_000, producerEpoch: 0 };
      return stranger;
    });
    for (const stranger of strangers) {
      const MAPPING = ErrorCode.INVALID_PRODUCER_ID_MAPPING;
      assert.equal(await stranger.addOnce(topic, [0]), MAPPING);
      assert.equal((await stranger.endOnce(true)).errorCode, MAPPING);
      assert.equal((await stranger.produceOnce(topic, 0, ["x"])).errorCode, MAPPING);
      assert.equal(await stranger.commitOffset(scene.cluster.fresh("group"), topic, 0, 1), MAPPING);
    }
    known.identity = { ...known.identity, producerEpoch: known.identity.producerEpoch + 1 };
    assert.equal(await known.addOnce(topic, [0]), ErrorCode.PRODUCER_FENCED, "from the future is as wrong");
    assert.equal((await known.produceOnce(topic, 0, ["x"])).errorCode, ErrorCode.INVALID_PRODUCER_EPOCH);
  });

  test("all partitions are added or none", async (scene) => {
    const topic = await scene.topic();
    const producer = await scene.producer();
    const codes = await producer.addAll(topic, [0, 77]);
    assert.deepEqual(
      codes,
      new Map([
        [0, ErrorCode.OPERATION_NOT_ATTEMPTED],
        [77, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      ]),
    );
    assert.equal(await producer.addOnce("conformance-no-such-topic", [0]), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    assert.equal(await producer.commit(), ErrorCode.INVALID_TXN_STATE, "no transaction has begun");
  });

  test("timeouts that cannot be are refused", async (scene) => {
    const producer = await scene.producer();
    for (const timeoutMs of [0, -1, 900_001]) {
      assert.equal((await producer.initOnce(timeoutMs)).errorCode, ErrorCode.INVALID_TRANSACTION_TIMEOUT);
    }
  });

  test("a transaction that takes longer than its timeout is aborted", async (scene) => {
    const topic = await scene.topic();
    const producer = await scene.producer(undefined, 500);
    await producer.send(topic, 0, "late");
    const other = await scene.producer();
    await other.send(topic, 0, "other");
    await other.commit();
    assert.deepEqual(await scene.await(topic, 1), ["other"]);
    assert.equal((await producer.produceOnce(topic, 0, ["later"])).errorCode, ErrorCode.INVALID_PRODUCER_EPOCH);
    assert.notEqual(await producer.commit(), ErrorCode.NONE);
    if (scene.version === 1) return;
    assert.equal(await producer.abort(), ErrorCode.NONE, "it goes on in the next epoch");
    await producer.send(topic, 0, "again");
    await producer.commit();
    assert.deepEqual(await scene.await(topic, 2), ["other", "again"]);
  });

  test("transactions and producers can be looked at", async (scene) => {
    const topic = await scene.topic();
    const producer = await scene.producer(undefined, 30_000);
    const { transactionalId, identity } = producer;
    const described = async (): Promise<unknown[]> => {
      const body = { transactionalIds: [transactionalId] };
      const answer = await scene.wire.toTransactions(transactionalId, describeTransactions, 0, body);
      const { errorCode, transactionState, transactionTimeoutMs, producerId, producerEpoch, topics } =
        answer.transactionStates[0]!;
      assert.equal(transactionTimeoutMs, 30_000);
      return [errorCode, transactionState, producerId, producerEpoch, topics.map((one) => ({ ...one }))];
    };
    const { producerId, producerEpoch } = identity;
    assert.deepEqual(await described(), [0, "Empty", producerId, producerEpoch, []]);
    const { baseOffset } = await producer.send(topic, 0, "a", "b");
    assert.deepEqual(await described(), [0, "Ongoing", producerId, producerEpoch, [{ topic, partitions: [0] }]]);

    const topics = [{ name: topic, partitionIndexes: [0] }];
    const { activeProducers } = (await scene.wire.toLeader(topic, 0, describeProducers, 0, { topics })).topics[0]!
      .partitions[0]!;
    const { lastSequence, currentTxnStartOffset, ...rest } = activeProducers[0]!;
    assert.deepEqual([rest.producerId, rest.producerEpoch], [producerId, producerEpoch]);
    assert.deepEqual([lastSequence, currentTxnStartOffset], [1, baseOffset]);

    const listed = async (stateFilters: string[]): Promise<string[]> => {
      const body = { stateFilters, producerIdFilters: [producerId] };
      const answer = await scene.wire.toTransactions(transactionalId, listTransactions, 0, body);
      assert.deepEqual(answer.unknownStateFilters, stateFilters.includes("Strange") ? ["Strange"] : []);
      return answer.transactionStates.map((one) => `${one.transactionalId} ${one.transactionState}`);
    };
    assert.deepEqual(await listed([]), [`${transactionalId} Ongoing`]);
    assert.deepEqual(await listed(["Empty"]), []);
    assert.deepEqual(await listed(["Ongoing", "Strange"]), [`${transactionalId} Ongoing`]);
    await producer.commit();
  });

  test("of an id that is not known there is nothing to see", async (scene) => {
    const id = scene.cluster.fresh("tx");
    const answer = await scene.wire.toTransactions(id, describeTransactions, 0, { transactionalIds: [id] });
    assert.equal(answer.transactionStates[0]!.errorCode, ErrorCode.TRANSACTIONAL_ID_NOT_FOUND);
  });
}
