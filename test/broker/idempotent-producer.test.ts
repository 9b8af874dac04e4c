import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { PartitionProduceResponse } from "../../protocol/messages/00-produce.ts";
import { initProducerId } from "../../protocol/messages/22-init-producer-id.ts";
import { batchOf } from "./raw-client.ts";
import { produceTo, start, text } from "./records-bench.ts";

describe("an idempotent producer", () => {
  test("gets the same answer for the same batch, among its last five", async () => {
    const { bench, client } = await start();
    const { producerId, producerEpoch } = await bench.run(
      client.call(initProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1000 }),
    );
    const batch = (baseSequence: number, epoch = producerEpoch): Uint8Array =>
      batchOf(text("a", "b"), bench.clock.now(), {
        producerId,
        producerEpoch: epoch,
        baseSequence,
        transactional: false,
      });
    const send = (baseSequence: number, epoch?: number): Promise<PartitionProduceResponse> =>
      produceTo(client, bench, batch(baseSequence, epoch));
    for (let i = 0; i < 6; i++) assert.equal((await send(i * 2)).baseOffset, i * 2);
    const again = await send(2);
    assert.deepEqual([again.errorCode, again.baseOffset], [0, 2]);
    assert.equal((await send(0)).errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, "the sixth last is forgotten");
    assert.equal((await send(14)).errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, "a gap");
    assert.equal((await send(5, producerEpoch + 1)).errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert.equal((await send(0, producerEpoch + 1)).baseOffset, 12, "a new epoch begins at 0");
    assert.equal((await send(12)).errorCode, ErrorCode.INVALID_PRODUCER_EPOCH);
    assert.equal(bench.broker.topics()[0]!.partitions[0]!.logEndOffset, 14);
  });

  test("is known by its id alone", async () => {
    const { bench, client } = await start();
    const first = await bench.run(client.call(initProducerId, 4, { transactionalId: null }));
    const second = await bench.run(client.call(initProducerId, 4, { transactionalId: null }));
    assert.notEqual(first.producerId, second.producerId);
  });
});
