import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ErrorCode } from "../../protocol/errors.ts";
import { ProducerState, type SequencedBatch } from "../../src/broker/producer-state.ts";

const MAX = 0x7fff_ffff;

function batch(baseSequence: number, count = 1, producerEpoch = 0): SequencedBatch {
  return { producerId: 7, producerEpoch, baseSequence, lastOffsetDelta: count - 1 };
}

/** Judges and, where that says so, appends: "append", "duplicate at …" or the error code. */
function offer(state: ProducerState, one: SequencedBatch, baseOffset: number): string | number {
  const verdict = state.judge(one);
  if (verdict.kind === "refuse") return verdict.errorCode;
  if (verdict.kind === "duplicate") return `duplicate at ${verdict.baseOffset}`;
  state.appended(one, baseOffset, 1);
  return "append";
}

describe("producer state", () => {
  test("lets batches without a producer pass", () => {
    const state = new ProducerState();
    const plain = { producerId: -1, producerEpoch: -1, baseSequence: -1, lastOffsetDelta: 0 };
    assert.equal(offer(state, plain, 0), "append");
    assert.equal(offer(state, plain, 1), "append");
  });

  test("takes any sequence from a producer that it does not know", () => {
    assert.equal(offer(new ProducerState(), batch(40), 0), "append");
  });

  test("goes on from 2^31 - 1 to 0", () => {
    const state = new ProducerState();
    assert.equal(offer(state, batch(MAX - 1, 2), 0), "append");
    assert.equal(offer(state, batch(0, 3), 2), "append");
    const other = new ProducerState();
    assert.equal(offer(other, batch(MAX - 1, 4), 0), "append", "a batch may lie over the end");
    assert.equal(offer(other, batch(2), 4), "append");
  });

  test("takes a repeat only for the very same batch", () => {
    const state = new ProducerState();
    offer(state, batch(0, 3), 10);
    assert.equal(offer(state, batch(0, 3), 13), "duplicate at 10");
    assert.equal(offer(state, batch(0, 2), 13), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
  });

  test("begins a new epoch at 0 and fences the old one", () => {
    const state = new ProducerState();
    offer(state, batch(0), 0);
    assert.equal(offer(state, batch(1, 1, 1), 1), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert.equal(offer(state, batch(0, 1, 1), 1), "append");
    assert.equal(offer(state, batch(1, 1, 0), 2), ErrorCode.INVALID_PRODUCER_EPOCH);
  });

  test("lets a marker of the same epoch be, and one of the next fence what comes late (KIP-890)", () => {
    const state = new ProducerState();
    const marker = { producerId: 7, producerEpoch: 0, committed: true, coordinatorEpoch: 2 };
    offer(state, batch(0, 3), 10);
    state.marked(marker, 5);
    assert.equal(offer(state, batch(3), 14), "append", "the sequence goes on");
    assert.equal(offer(state, batch(0, 3), 15), "duplicate at 10");
    state.marked({ ...marker, producerEpoch: 1 }, 6);
    assert.deepEqual(state.known, [
      { producerId: 7, epoch: 1, lastSequence: -1, lastTimestamp: 6, coordinatorEpoch: 2 },
    ]);
    assert.equal(offer(state, batch(4), 16), ErrorCode.INVALID_PRODUCER_EPOCH);
    assert.equal(offer(state, batch(4, 1, 1), 16), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert.equal(offer(state, batch(0, 2, 1), 16), "append");
    assert.equal(offer(state, batch(2, 1, 1), 18), "append");
    assert.equal(state.known[0]!.lastSequence, 2);
  });

  test("begins the sequence of a producer that it knows by a marker only at 0", () => {
    const state = new ProducerState();
    state.marked({ producerId: 7, producerEpoch: 3, committed: false, coordinatorEpoch: 0 }, 5);
    assert.equal(state.epochOf(7), 3);
    assert.equal(offer(state, batch(5, 1, 3), 0), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert.equal(offer(state, batch(0, 1, 3), 0), "append");
  });

  test("stores every batch once, whichever of the last five are repeated", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 60 }), (backs) => {
        const state = new ProducerState();
        let next = 0;
        for (const back of backs) {
          const sequence = next - back;
          const expected = back === 0 ? "append" : `duplicate at ${sequence}`;
          if (sequence < 0) continue;
          assert.equal(offer(state, batch(sequence), next), expected);
          if (back === 0) next += 1;
        }
      }),
    );
  });
});
