import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode as E } from "../../protocol/errors.ts";
import {
  ProducerFencedError,
  TransactionAbortedError,
  TransactionOutcomeUnknownError,
} from "../../src/client/transaction-errors.ts";
import { committed, LEVELS, nameOf, RECORDS, startTransactionScript } from "../support/transaction-script.ts";

/** An end that is refused at once, and what is known then: the outcome is certain, since nothing was asked before. */
const REFUSED: readonly [number, "goes on" | "fenced" | "dead"][] = [
  [E.INVALID_TXN_STATE, "goes on"],
  [E.INVALID_PRODUCER_ID_MAPPING, "goes on"],
  [E.TRANSACTION_ABORTABLE, "goes on"],
  [E.PRODUCER_FENCED, "fenced"],
  [E.INVALID_PRODUCER_EPOCH, "fenced"],
  [E.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "dead"],
];

for (const [code, then] of REFUSED) {
  const name = nameOf(code);
  test(`a commit that is refused with ${name} was not made, and the producer ${then === "goes on" ? then : "is done with"}`, async () => {
    for (const level of LEVELS) {
      const script = await startTransactionScript({ level });
      script.fates("EndTxn", code);
      const error = await script.failure(script.producer.sendTransaction({ records: RECORDS }));
      assert.equal(error.code, name);
      assert.ok(error instanceof (then === "fenced" ? ProducerFencedError : TransactionAbortedError), String(error));
      if (then === "goes on") await committed(script);
      else {
        assert.equal(script.producer.fatalError?.code, name);
        assert.equal((await script.failure(script.producer.begin())).code, name);
      }
      await script.run(script.kafka.close());
    }
  });

  test(`a commit that had no answer, and is refused with ${name} when it is asked for again, is as unknown as it was`, async () => {
    for (const level of LEVELS) {
      for (const lost of ["cut", "done and cut", "silence"] as const) {
        const script = await startTransactionScript({ level });
        script.fates("EndTxn", lost, code);
        const error = await script.failure(script.producer.sendTransaction({ records: RECORDS }));
        // Only a commit that was not made is answered so, as is the abort that comes after the second.
        const isCertain = code === E.INVALID_TXN_STATE || code === E.TRANSACTION_ABORTABLE;
        assert.ok(
          error instanceof (isCertain ? TransactionAbortedError : TransactionOutcomeUnknownError),
          `${level} ${lost}: ${error}`,
        );
        await script.run(script.kafka.close());
      }
    }
  });
}

test("a commit that the coordinator has put off, and then refuses, was not made", async () => {
  for (const level of LEVELS) {
    const script = await startTransactionScript({ level });
    script.fates("EndTxn", E.CONCURRENT_TRANSACTIONS, E.COORDINATOR_LOAD_IN_PROGRESS, E.PRODUCER_FENCED);
    const error = await script.failure(script.producer.sendTransaction({ records: RECORDS }));
    assert.ok(error instanceof ProducerFencedError, String(error));
    await script.run(script.kafka.close());
  }
});

test("a commit without an answer in time is unknown, and asking again tells", async () => {
  for (const level of LEVELS) {
    const script = await startTransactionScript({ level, producer: { coordinatorTimeout: 5_000 } });
    script.fates("EndTxn", "cut", "silence", 0);
    const transaction = await script.run(script.producer.begin());
    void transaction.sendMany(RECORDS);
    const start = script.bench.time.elapsed;
    const error = await script.failure(transaction.commit());
    assert.ok(error instanceof TransactionOutcomeUnknownError, String(error));
    assert.ok(script.bench.time.elapsed - start <= 5_000);
    assert.equal((await script.run(transaction.commit())).length, 1);
    assert.equal((await script.run(transaction.commit())).length, 1);
    await committed(script);
    await script.run(script.kafka.close());
  }
});

for (const code of [E.NOT_COORDINATOR, E.COORDINATOR_NOT_AVAILABLE])
  test(`a commit that a coordinator has answered with ${nameOf(code)} may have been made before it lost its place`, async () => {
    for (const level of LEVELS) {
      const script = await startTransactionScript({ level, producer: { coordinatorTimeout: 5_000 } });
      const transaction = await script.run(script.producer.begin());
      await script.run(transaction.sendMany(RECORDS));
      script.fates("EndTxn", code);
      script.asked();
      const commit = transaction.commit();
      commit.catch(() => {});
      await script.bench.time.advance(5);
      assert.match(script.asked().join(), /EndTxn commit/);
      // Nobody is there to say more in time.
      script.transport.isolate();
      const error = await script.failure(commit);
      assert.ok(error instanceof TransactionOutcomeUnknownError, String(error));
      await script.run(script.kafka.close());
    }
  });

test("the next transaction begins only when the last one's end is known; its commit can still be asked about", async () => {
  for (const level of LEVELS) {
    const script = await startTransactionScript({ level, producer: { coordinatorTimeout: 5_000 } });
    script.fates("EndTxn", "silence", 0);
    const transaction = await script.run(script.producer.begin());
    void transaction.sendMany(RECORDS);
    await script.failure(transaction.commit());
    script.asked();
    await committed(script);
    assert.equal(script.asked()[0], "EndTxn commit 0");
    assert.equal((await script.run(transaction.commit())).length, 1);
    await script.run(script.kafka.close());
  }
});

test("a commit that could not be asked for in time is aborted", async () => {
  const script = await startTransactionScript({ level: 2, producer: { coordinatorTimeout: 5_000 } });
  const transaction = await script.run(script.producer.begin());
  await script.run(transaction.sendMany(RECORDS));
  script.asked();
  for (const stream of script.bench.streams) stream.destroy();
  await script.bench.time.advance(1);
  script.transport.isolate();
  const error = await script.failure(transaction.commit());
  assert.ok(error instanceof TransactionAbortedError, String(error));
  assert.equal(error.code, "TRANSACTION_TIMED_OUT");
  script.transport.rejoin();
  await committed(script);
  assert.equal(script.asked()[0], "EndTxn abort 0");
  await script.run(script.kafka.close());
});
