import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { ProducerRecord } from "../../src/client/producer-record.ts";
import type { TransactionOffsets } from "../../src/client/transaction.ts";
import { TransactionAbortedError } from "../../src/client/transaction-errors.ts";
import { stateOf } from "../../src/jobs/app.ts";
import { type CollectedEnqueue, collectEnqueues, sendTogether } from "../../src/jobs/app-transaction.ts";
import { Dispatcher } from "../../src/jobs/dispatcher.ts";
import { sendTransaction } from "../../src/jobs/send-transaction.ts";
import { type EnqueueBench, startEnqueueBench } from "../support/enqueue-bench.ts";

function offsetsAt(offset: number): TransactionOffsets {
  return {
    // As of somebody who is no member: the group has none.
    groupMetadata: { groupId: "g", memberId: "", generationId: -1 },
    offsets: [{ topic: "q", partition: 0, offset, metadata: `at ${offset}` }],
  };
}

function committed({ broker }: EnqueueBench): unknown[] {
  const group = broker.groups().find(({ groupId }) => groupId === "g");
  return (group?.offsets ?? []).map(({ topic, partition, offset, metadata }) => [topic, partition, offset, metadata]);
}

test("S3.9 offsets of a group are committed with the records, and are asked for anew at each repetition", async (t) => {
  const options = { transactionTimeout: "1s", producer: { deliveryTimeout: "30s" } } as const;
  const bench = await startEnqueueBench(t, options, { q: 1, out: 1 });
  const { app, run, broker, time } = bench;
  const runtime = stateOf(app).slot.use();
  let asked = 0;
  const offsets = (): TransactionOffsets[] => [offsetsAt(++asked)];
  broker.faults.fail({ api: "Produce", errorCode: ErrorCode.NOT_ENOUGH_REPLICAS, times: Infinity });
  const sent = sendTransaction(runtime, { records: [{ topic: "out", value: "a" }], offsets }, 10_000);
  await time.advance(1_500);
  assert.deepEqual(committed(bench), []);
  broker.faults.clear();
  const [place] = await run(sent);
  assert.deepEqual([place!.topic, place!.partition], ["out", 0]);
  assert.ok(asked >= 2);
  assert.deepEqual(committed(bench), [["q", 0, asked, `at ${asked}`]]);
});

test("S3.9 a member that has been replaced hands nothing over, and that is not repeated", async (t) => {
  const bench = await startEnqueueBench(t, {}, { q: 1, out: 1 });
  const { app, run, broker } = bench;
  const state = stateOf(app);
  const job = app.job<number>({ name: "next", queue: "out", perform: () => {} });
  const collect = (n: number): Promise<{ enqueues: readonly CollectedEnqueue[] }> =>
    run(collectEnqueues(state, new Dispatcher(state), (tx) => tx.performLater(job.of(n))));
  const sendWith = (offset: number) => (records: readonly ProducerRecord[]) => {
    const runtime = state.slot.use();
    return sendTransaction(runtime, { records, offsets: () => [offsetsAt(offset)] }, runtime.transactionStep);
  };
  let ends = 0;
  broker.observe(({ api }) => {
    if (api === "EndTxn") ends++;
  });
  broker.faults.fail({ api: "TxnOffsetCommit", errorCode: ErrorCode.ILLEGAL_GENERATION });
  const { enqueues } = await collect(1);
  await assert.rejects(run(sendTogether(state, enqueues, sendWith(5))), (error: Error) => {
    assert.ok(error instanceof TransactionAbortedError);
    return error.code === "ILLEGAL_GENERATION";
  });
  assert.equal(ends, 1);
  assert.deepEqual(committed(bench), []);
  const again = await collect(2);
  await run(sendTogether(state, again.enqueues, sendWith(6)));
  await run(sendTogether(state, [], sendWith(7)));
  assert.deepEqual(committed(bench), [["q", 0, 7, "at 7"]]);
  const values = (await bench.jobs("out", 0)).map(({ value }) => new TextDecoder().decode(value!));
  assert.deepEqual(values, ["2"]);
  assert.deepEqual(
    [enqueues, again.enqueues].map(([enqueue]) => enqueue!.handle.offset >= 0),
    [false, true],
  );
});
