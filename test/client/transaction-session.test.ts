import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode as E } from "../../protocol/errors.ts";
import { TransactionAbortedError } from "../../src/client/transaction-errors.ts";
import {
  committed,
  type Fate,
  LEVELS,
  nameOf,
  OFFSETS,
  RECORDS,
  type ScriptedApi,
  startTransactionScript,
} from "../support/transaction-script.ts";

/** What befalls a request of a transaction, and that it passes: nothing is lost, and nothing aborted. */
const PASSING: readonly [ScriptedApi, readonly number[], ...Fate[]][] = [
  ["InitProducerId", LEVELS, E.CONCURRENT_TRANSACTIONS, E.COORDINATOR_LOAD_IN_PROGRESS, E.NOT_COORDINATOR, "cut"],
  ["AddPartitionsToTxn", [0], E.CONCURRENT_TRANSACTIONS, E.COORDINATOR_LOAD_IN_PROGRESS, E.NOT_COORDINATOR, "cut"],
  ["AddPartitionsToTxn", [0], E.UNKNOWN_TOPIC_OR_PARTITION, E.COORDINATOR_NOT_AVAILABLE, "silence"],
  ["AddOffsetsToTxn", [0], E.CONCURRENT_TRANSACTIONS, E.COORDINATOR_LOAD_IN_PROGRESS, E.NOT_COORDINATOR, "cut"],
  ["TxnOffsetCommit", LEVELS, E.CONCURRENT_TRANSACTIONS, E.COORDINATOR_LOAD_IN_PROGRESS, E.NOT_COORDINATOR, "cut"],
  ["TxnOffsetCommit", LEVELS, E.REQUEST_TIMED_OUT, E.UNKNOWN_TOPIC_OR_PARTITION, E.COORDINATOR_NOT_AVAILABLE],
  ["Produce", LEVELS, E.NOT_LEADER_OR_FOLLOWER, E.NOT_ENOUGH_REPLICAS, "cut", "silence"],
  ["Produce", [2], E.CONCURRENT_TRANSACTIONS, E.CONCURRENT_TRANSACTIONS],
  ["EndTxn", LEVELS, E.CONCURRENT_TRANSACTIONS, E.COORDINATOR_LOAD_IN_PROGRESS, E.NOT_COORDINATOR, "cut", "silence"],
];

for (const [api, levels, ...fates] of PASSING) {
  test(`${api} is repeated after ${fates.join(", ")}`, async () => {
    for (const level of levels) {
      const script = await startTransactionScript({ level });
      script.fates(api, ...fates);
      await committed(script);
      const asked = script.asked();
      assert.equal(asked.filter((one) => one.startsWith(`${api} `)).length, fates.length + 1, asked.join("; "));
      assert.equal(asked.at(-1), "EndTxn commit 0");
      await script.run(script.kafka.close());
    }
  });
}

test("a coordinator that has moved is looked for again, one that is busy is not", async () => {
  const script = await startTransactionScript({ level: 2 });
  await committed(script);
  assert.equal(script.lookups(), 1);
  script.fates("EndTxn", E.CONCURRENT_TRANSACTIONS, E.COORDINATOR_LOAD_IN_PROGRESS);
  await committed(script);
  assert.equal(script.lookups(), 1);
  script.fates("EndTxn", E.NOT_COORDINATOR);
  await committed(script);
  assert.equal(script.lookups(), 2);
  await script.run(script.kafka.close());
});

test("a transaction before this one that is still being completed costs milliseconds, not the usual backoff", async () => {
  const script = await startTransactionScript({ level: 0 });
  await committed(script);
  script.fates("AddPartitionsToTxn", E.CONCURRENT_TRANSACTIONS);
  const start = script.bench.time.elapsed;
  await committed(script);
  assert.ok(script.bench.time.elapsed - start < 20);
  await script.run(script.kafka.close());
});

/** What befalls a request, and that the transaction is aborted for it, and the producer goes on. */
const ABORTING: readonly [ScriptedApi, readonly number[], number][] = [
  ...[
    E.TOPIC_AUTHORIZATION_FAILED,
    E.INVALID_TXN_STATE,
    E.INVALID_PRODUCER_ID_MAPPING,
    E.UNKNOWN_PRODUCER_ID,
    E.TRANSACTION_ABORTABLE,
  ].map((code): [ScriptedApi, readonly number[], number] => ["AddPartitionsToTxn", [0], code]),
  ...[E.GROUP_AUTHORIZATION_FAILED, E.INVALID_TXN_STATE, E.TRANSACTION_ABORTABLE].map(
    (code): [ScriptedApi, readonly number[], number] => ["AddOffsetsToTxn", [0], code],
  ),
  ...[
    E.ILLEGAL_GENERATION,
    E.UNKNOWN_MEMBER_ID,
    E.FENCED_INSTANCE_ID,
    E.REBALANCE_IN_PROGRESS,
    E.GROUP_AUTHORIZATION_FAILED,
    E.OFFSET_METADATA_TOO_LARGE,
    E.TRANSACTION_ABORTABLE,
  ].map((code): [ScriptedApi, readonly number[], number] => ["TxnOffsetCommit", LEVELS, code]),
  ...[
    E.OUT_OF_ORDER_SEQUENCE_NUMBER,
    E.UNKNOWN_PRODUCER_ID,
    E.INVALID_PRODUCER_EPOCH,
    E.INVALID_TXN_STATE,
    E.INVALID_PRODUCER_ID_MAPPING,
    E.TOPIC_AUTHORIZATION_FAILED,
    E.INVALID_RECORD,
    E.TRANSACTION_ABORTABLE,
    E.UNKNOWN_SERVER_ERROR,
  ].map((code): [ScriptedApi, readonly number[], number] => ["Produce", LEVELS, code]),
];

for (const [api, levels, code] of ABORTING) {
  const name = nameOf(code);
  test(`${api}: ${name} aborts the transaction, and the next one has a new epoch`, async () => {
    for (const level of levels) {
      const script = await startTransactionScript({ level });
      await committed(script);
      script.asked();
      script.fates(api, code);
      const error = await script.failure(script.producer.sendTransaction({ records: RECORDS, offsets: OFFSETS }));
      assert.ok(error instanceof TransactionAbortedError, String(error));
      assert.equal(error.code, name);
      const epoch = level === 2 ? 1 : 0;
      assert.equal(script.asked().at(-1), `EndTxn abort ${epoch}`);
      await committed(script);
      const next = script.asked();
      if (level === 0 && api === "Produce") assert.equal(next[0], "InitProducerId 9/0");
      const nextEpoch = level === 2 || api === "Produce" ? epoch + 1 : 0;
      assert.ok(
        next.some((one) => one.startsWith(`Produce tx 0:e${nextEpoch}s`)),
        next.join("; "),
      );
      assert.equal(next.at(-1), `EndTxn commit ${nextEpoch}`);
      await script.run(script.kafka.close());
    }
  });
}
