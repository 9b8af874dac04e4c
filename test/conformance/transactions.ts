import assert from "node:assert/strict";
import { ErrorCode } from "../../protocol/errors.ts";
import type { RawTransactions } from "../support/raw-transactions.ts";
import type { Target } from "./target.ts";
import { COMMITTED, transactionTest, UNCOMMITTED } from "./transaction-scene.ts";

/** That what is written in transactions is seen by all who read committed records, or by none. */
export function transactionsConformance(target: Target): void {
  const test = transactionTest(target);

  test("what a transaction writes is seen once it has committed", async (scene) => {
    const topic = await scene.topic();
    const producer = await scene.producer();
    await producer.send(topic, 0, "a", "b");
    await producer.send(topic, 0, "c");
    assert.deepEqual(await scene.read(topic), []);
    assert.deepEqual(await scene.read(topic, UNCOMMITTED), ["a", "b", "c"]);
    assert.equal(await producer.commit(), ErrorCode.NONE);
    assert.deepEqual(await scene.await(topic, 3), ["a", "b", "c"]);
  });

  test("of abort, commit, abort, commit, abort of one producer, the commits are seen", async (scene) => {
    const topic = await scene.topic();
    const producer = await scene.producer();
    for (const value of ["abort1", "commit1", "abort2", "commit2", "abort3"]) {
      assert.equal((await producer.send(topic, 0, value)).errorCode, ErrorCode.NONE);
      assert.equal(await producer.end(value.startsWith("commit")), ErrorCode.NONE);
    }
    await scene.stable(topic);
    assert.deepEqual(await scene.read(topic), ["commit1", "commit2"]);
    assert.equal((await scene.read(topic, UNCOMMITTED)).length, 5);
  });

  test("nothing behind the first open transaction is seen, whoever wrote it", async (scene) => {
    const topic = await scene.topic();
    const slow = await scene.producer();
    const quick = await scene.producer();
    await slow.send(topic, 0, "slow");
    await quick.send(topic, 0, "quick");
    await quick.commit();
    await scene.cluster.kafka().producer().send({ topic, partition: 0, value: "plain" });
    const { lastStableOffset, highWatermark } = await scene.fetch(topic, 0, COMMITTED);
    assert.equal(lastStableOffset, 0);
    assert.ok(highWatermark >= 3);
    assert.deepEqual(await scene.read(topic), []);
    await slow.abort();
    assert.deepEqual(await scene.await(topic, 2), ["quick", "plain"]);
  });

  test("aborts and commits of several producers in one partition, read from anywhere in any steps", async (scene) => {
    const topic = await scene.topic();
    const producers = await Promise.all([scene.producer(), scene.producer(), scene.producer()]);
    const plain = scene.cluster.kafka().producer();
    const fates = new Map<string, boolean>();
    const write = async (index: number, value: string, committed: boolean): Promise<void> => {
      await producers[index]!.send(topic, 0, value, `${value}'`);
      fates.set(value, committed).set(`${value}'`, committed);
    };
    const plainly = async (value: string): Promise<void> => {
      await plain.send({ topic, partition: 0, value });
      fates.set(value, true);
    };
    for (let round = 0; round < 4; round++) {
      const [first, second, third] = [round % 2 === 0, round % 3 === 0, round % 4 === 3];
      await write(0, `0.${round}`, first);
      await write(1, `1.${round}`, second);
      await plainly(`plain.${round}`);
      await producers[0]!.end(first);
      await write(2, `2.${round}`, third);
      await write(1, `1.${round}.more`, second);
      await producers[2]!.end(third);
      await write(0, `0.${round}.next`, !first);
      await producers[1]!.end(second);
      await producers[0]!.end(!first);
    }
    await scene.stable(topic);
    const all = await scene.readFrom(topic, 0, UNCOMMITTED);
    assert.equal(all.length, fates.size);
    const committed = all.filter(({ value }) => fates.get(value));
    for (let from = 0; from <= all.at(-1)!.offset; from += 3) {
      const expected = committed.filter(({ offset }) => offset >= from);
      for (const maxBytes of [1, 300, 1 << 20]) {
        assert.deepEqual(await scene.readFrom(topic, from, COMMITTED, maxBytes), expected, `from ${from}`);
      }
    }
  });

  test("a transaction over partitions is seen in all of them", async (scene) => {
    const [one, other] = [await scene.topic(), await scene.topic()];
    const producer = await scene.producer();
    await producer.send(one, 0, "a");
    await producer.send(other, 0, "b");
    await producer.abort();
    await producer.send(one, 0, "c");
    await producer.send(other, 0, "d");
    await producer.commit();
    assert.deepEqual(await scene.await(one, 1), ["c"]);
    assert.deepEqual(await scene.await(other, 1), ["d"]);
  });

  test("the end and times are looked up as if the log ended at its first open transaction", async (scene) => {
    const topic = await scene.topic();
    const producer = await scene.producer();
    await producer.send(topic, 0, "a");
    await producer.commit();
    await scene.stable(topic);
    const before = await scene.listed(topic, COMMITTED);
    await producer.send(topic, 0, "b");
    assert.equal(await scene.listed(topic, COMMITTED), before);
    assert.equal(await scene.listed(topic, UNCOMMITTED), before + 1);
    const later = scene.wire.now() + 60_000;
    await scene.cluster.kafka().producer().send({ topic, partition: 0, value: "c", timestamp: later });
    assert.equal(await scene.listed(topic, UNCOMMITTED, later), before + 1);
    assert.equal(await scene.listed(topic, COMMITTED, later), -1);
    await producer.abort();
    await scene.stable(topic);
    assert.equal(await scene.listed(topic, COMMITTED, later), before + 1);
  });

  test("a batch that is sent again is stored once, and its producer writes nothing outside of its transaction", async (scene) => {
    const topic = await scene.topic();
    const producer = await scene.producer();
    const { baseOffset } = await producer.send(topic, 0, "a", "b");
    await producer.send(topic, 0, "c");
    const again = await producer.resend(topic, 0, 0, ["a", "b"]);
    assert.deepEqual([again.errorCode, again.baseOffset], [ErrorCode.NONE, baseOffset]);
    assert.equal((await producer.resend(topic, 0, 9, ["x"])).errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    const outside = await producer.produceOnce(topic, 0, ["x"], { transactional: false });
    assert.equal(outside.errorCode, ErrorCode.INVALID_TXN_STATE);
    await producer.commit();
    assert.deepEqual(await scene.await(topic, 3), ["a", "b", "c"]);
  });

  test("a partition that was not added takes no batch of the transaction", async (scene) => {
    const topic = await scene.topic(2);
    const producer = await scene.producer();
    const refused = async (version: number): Promise<number> =>
      (await producer.produceOnce(topic, 1, ["x"], { version })).errorCode;
    assert.equal(await refused(10), ErrorCode.INVALID_TXN_STATE);
    assert.equal(await refused(11), ErrorCode.TRANSACTION_ABORTABLE);
    await producer.send(topic, 0, "a");
    assert.equal(await refused(11), ErrorCode.TRANSACTION_ABORTABLE);
    assert.equal(await producer.abort(), ErrorCode.NONE, "it can go on after an abort");
    await producer.send(topic, 0, "b");
    await producer.commit();
    assert.deepEqual(await scene.await(topic, 1), ["b"]);
  });

  test("records that are deleted from an open transaction are gone, and its end is as if they were not", async (scene) => {
    const topic = await scene.topic();
    const producer = await scene.producer();
    for (const value of ["a", "b", "c"]) await producer.send(topic, 0, value);
    await scene.cluster.deleteRecords(topic, 0, 2);
    assert.equal((await scene.fetch(topic, 2, COMMITTED)).lastStableOffset, 2);
    assert.deepEqual(await scene.readFrom(topic, 2), []);
    await producer.abort();
    await producer.send(topic, 0, "d");
    await producer.commit();
    await scene.stable(topic, 2);
    assert.deepEqual(
      (await scene.readFrom(topic, 2)).map(({ value }) => value),
      ["d"],
    );
  });

  test("transactions of many producers at once are all seen, each in its order", async (scene) => {
    const topic = await scene.topic();
    const work = async (producer: RawTransactions, name: number): Promise<void> => {
      for (let i = 0; i < 5; i++) {
        for (const part of ["x", "y"]) {
          const { errorCode } = await producer.send(topic, 0, `${name}.${i}.${part}`);
          assert.equal(errorCode, ErrorCode.NONE);
        }
        assert.equal(await producer.end(i % 2 === 0), ErrorCode.NONE);
      }
    };
    const names = [0, 1, 2, 3];
    await Promise.all(names.map(async (name) => work(await scene.producer(), name)));
    await scene.stable(topic);
    const seen = await scene.read(topic);
    for (const name of names) {
      const own = seen.filter((value) => value.startsWith(`${name}.`));
      assert.deepEqual(
        own,
        ["0.x", "0.y", "2.x", "2.y", "4.x", "4.y"].map((rest) => `${name}.${rest}`),
      );
    }
    assert.equal(seen.length, 24);
  });
}
