import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_PRODUCER } from "../../protocol/batch-builder.ts";
import type { PartitionProduceResponse } from "../../protocol/messages/00-produce.ts";
import { WORTH_GATHERING } from "../../protocol/writer.ts";
import { KafkaError } from "../../src/client/errors.ts";
import { PartitionQueue } from "../../src/client/partition-queue.ts";
import { bodySizeOf, byTopic, recordErrors, type Shipment } from "../../src/client/shipment.ts";

/** A batch of `count` records on its way, and what its owners are told. */
function shipment(topic: string, partition: number, count = 1, valueBytes = 1): Shipment & { told: string[] } {
  const queue = new PartitionQueue(topic, partition, 5);
  const batch = queue.openBatch(1 << 20, 0);
  const told: string[] = [];
  for (let i = 0; i < count; i++) {
    batch.builder.append(null, new Uint8Array(valueBytes), 0);
    batch.owners.push({ delivered: () => {}, failed: (slot, error) => told.push(`${slot} ${error.message}`) });
    batch.slots.push(i + 10);
    batch.timestamps.push(0);
  }
  return { queue, batch, records: batch.builder.stamped(NO_PRODUCER), topicId: `id of ${topic}`, told };
}

test("a request has its batches by topic", () => {
  const found = byTopic([shipment("a", 1), shipment("b", 0), shipment("a", 3)]);
  assert.deepEqual(
    found.map(({ name, topicId, partitionData }) => [name, topicId, partitionData.map(({ index }) => index)]),
    [
      ["a", "id of a", [1, 3]],
      ["b", "id of b", [0]],
    ],
  );
});

test("long batches take no room in a frame's own buffer, short ones theirs", () => {
  const short = shipment("a", 0, 1, 1_000);
  const long = shipment("a", 1, 1, WORTH_GATHERING);
  assert.ok(bodySizeOf([short]) >= short.records.length);
  assert.ok(bodySizeOf([long]) < 200);
});

test("the records for which a batch was refused get their own errors, the others the batch's (KIP-467)", () => {
  const sent = shipment("t", 2, 3);
  const recordErrorsGiven = [
    { batchIndex: 0, batchIndexErrorMessage: "no key" },
    { batchIndex: 2, batchIndexErrorMessage: null },
  ];
  const answer = { index: 2, errorCode: 87, recordErrors: recordErrorsGiven } as unknown as PartitionProduceResponse;
  sent.batch.fail(new KafkaError("INVALID_RECORD", "batch", false), recordErrors(sent, answer));
  assert.equal(sent.told.length, 3);
  assert.match(sent.told[0]!, /^10 produce to t\/2 \(no key\): INVALID_RECORD \(87\)/);
  assert.equal(sent.told[1], "11 batch");
  assert.match(sent.told[2]!, /^12 produce to t\/2 \(this record was refused\)/);
});
