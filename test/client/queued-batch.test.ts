import assert from "node:assert/strict";
import { test } from "node:test";
import { KafkaError } from "../../src/client/errors.ts";
import { addBatch, IDENTITY, knownQueue } from "../support/known-queue.ts";

const LOST = new KafkaError("CONNECTION_FAILED", "lost", true);

test("a batch that was too large goes in halves under its own sequences, and those behind it keep theirs", () => {
  const queue = knownQueue();
  const large = addBatch(queue, 0);
  for (let i = 0; i < 5; i++) {
    large.builder.append(null, new Uint8Array(100), 0);
    large.owners.push({ delivered: () => {}, failed: () => {} });
    large.slots.push(i);
    large.timestamps.push(0);
  }
  large.accountedBytes = large.builder.byteLength;
  const behind = addBatch(queue, 3);
  const { stamp } = queue.take(IDENTITY);
  queue.take(IDENTITY);
  let settled = 0;
  large.onSettled(() => settled++);
  const halves = large.split(large.builder.stamped(stamp));
  queue.split(large, halves);
  assert.equal(queue.isReady(0, 0), false);
  queue.retry(behind, LOST, false, 0);
  const sent: (readonly [number, number])[] = [];
  for (const batch of [...halves, behind]) {
    assert.equal(queue.isReady(0, 0), true);
    const taken = queue.take(IDENTITY);
    assert.equal(taken.batch, batch);
    assert.equal(queue.isReady(0, 0), false);
    sent.push([taken.stamp.baseSequence, batch.builder.recordCount]);
    queue.delivered(batch, 0);
    batch.deliver(0, 0, -1);
  }
  assert.deepEqual(sent, [
    [1, halves[0]!.owners.length],
    [1 + halves[0]!.owners.length, halves[1]!.owners.length],
    [6, 3],
  ]);
  assert.deepEqual([halves[0]!.owners.length + halves[1]!.owners.length, settled], [5, 1]);
  const most = Math.ceil(large.accountedBytes / 2);
  const next = queue.openBatch(10_000, 0);
  while (next.builder.append(null, new Uint8Array(1), 0));
  assert.ok(next.builder.byteLength <= most, "later batches of the partition are not so large again");
});
