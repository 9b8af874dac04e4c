import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { KafkaError } from "../../src/client/errors.ts";
import { ProducerFencedError } from "../../src/client/transaction-errors.ts";
import type { TransactionPool, TransactionPoolOptions } from "../../src/client/transaction-pool.ts";
import { RECORDS, startTransactionScript, type TransactionScript } from "../support/transaction-script.ts";

async function startPool(
  options: Partial<TransactionPoolOptions> = {},
): Promise<{ script: TransactionScript; pool: TransactionPool }> {
  const script = await startTransactionScript({ level: 2 });
  return { script, pool: script.kafka.transactionPool({ transactionalIdPrefix: "p", ...options }) };
}

/** The transactional ids that wrote, in order. */
function writers(script: TransactionScript): string[] {
  return script.asked().flatMap((one) => (one.startsWith("Produce ") ? [one.split(" ")[1]!] : []));
}

test("calls one after the other use one producer, calls beside each other as many as may be", async () => {
  const { script, pool } = await startPool({ maxProducers: 3 });
  for (let i = 0; i < 3; i++) await script.run(pool.sendTransaction({ records: RECORDS }));
  assert.deepEqual(writers(script), ["p/0", "p/0", "p/0"]);
  const many = Array.from({ length: 10 }, () => pool.sendTransaction({ records: RECORDS }));
  assert.equal((await script.run(Promise.all(many))).length, 10);
  assert.deepEqual(new Set(writers(script)), new Set(["p/0", "p/1", "p/2"]));
  assert.equal(pool.size, 3);
  await script.run(script.kafka.close());
});

test("calls that wait are served in their order, by producers that others give back, failed calls' too", async () => {
  const { script, pool } = await startPool({ maxProducers: 1 });
  const order: number[] = [];
  const mistake = new Error("mistake");
  const calls = [0, 1, 2].map((i) =>
    pool.transaction(() => {
      order.push(i);
      if (i === 0) throw mistake;
    }),
  );
  const [first, ...others] = await script.run(Promise.allSettled(calls));
  assert.deepEqual(order, [0, 1, 2]);
  assert.ok(first!.status === "rejected" && first!.reason === mistake);
  assert.ok(others.every(({ status }) => status === "fulfilled"));
  await script.run(script.kafka.close());
});

test("a producer that was fenced is replaced, under the same id", async () => {
  const { script, pool } = await startPool({ maxProducers: 1 });
  script.fates("EndTxn", ErrorCode.PRODUCER_FENCED);
  assert.ok((await script.failure(pool.sendTransaction({ records: RECORDS }))) instanceof ProducerFencedError);
  script.asked();
  assert.equal((await script.run(pool.sendTransaction({ records: RECORDS }))).length, 1);
  assert.equal(script.asked()[0], "InitProducerId -1/-1");
  assert.equal(pool.size, 1);
  await script.run(script.kafka.close());
});

test("a call that no producer gets free for in time is told so, and costs the others nothing", async () => {
  const { script, pool } = await startPool({ maxProducers: 1, coordinatorTimeout: 5_000 });
  let release!: () => void;
  const held = pool.transaction(
    () =>
      new Promise<void>((resolve) => {
        release = resolve;
      }),
  );
  await script.bench.time.advance(1);
  const start = script.bench.time.elapsed;
  assert.equal((await script.failure(pool.sendTransaction({ records: RECORDS }))).code, "TRANSACTION_TIMED_OUT");
  assert.equal(script.bench.time.elapsed - start, 5_000);
  const next = pool.sendTransaction({ records: RECORDS });
  release();
  await script.run(held);
  assert.equal((await script.run(next)).length, 1);
  await script.run(script.kafka.close());
});

test("close aborts what is open, and refuses calls, those that wait too", async () => {
  const { script, pool } = await startPool({ maxProducers: 1 });
  const open = pool.transaction(async (transaction) => {
    await transaction.sendMany(RECORDS);
    await new Promise<void>(() => {});
  });
  open.catch(() => {});
  await script.bench.time.advance(1_000);
  const waiting = script.failure(pool.sendTransaction({ records: RECORDS }));
  script.asked();
  await script.run(pool.close());
  assert.deepEqual(script.asked(), ["EndTxn abort 0"]);
  assert.equal((await waiting).code, "CLOSED");
  assert.equal((await script.failure(pool.sendTransaction({ records: RECORDS }))).code, "CLOSED");
  await script.run(script.kafka.close());
});

test("a pool's wrong option is refused when it is made", async () => {
  const { script } = await startPool();
  const refuse = (options: Partial<TransactionPoolOptions>, text: RegExp): void =>
    assert.throws(
      () => script.kafka.transactionPool({ transactionalIdPrefix: "p", ...options }),
      (error) => error instanceof KafkaError && error.code === "INVALID_ARGUMENT" && text.test(error.message),
    );
  refuse({ transactionalIdPrefix: "" }, /transactionalIdPrefix/);
  refuse({ maxProducers: 0 }, /maxProducers is 0/);
  refuse({ transactionTimeout: -1 }, /transactionTimeout is -1/);
  await script.run(script.kafka.close());
});
