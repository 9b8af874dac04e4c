import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { type ProducerIdentity, Transaction } from "../../src/broker/transaction.ts";

const LAST = 32_766;

/** A transaction whose producer ids are 1, 2, 3, … */
function transaction(): Transaction {
  let last = 0;
  return new Transaction("tx", () => {
    last += 1;
    return last;
  });
}

function init(one: Transaction, expected?: ProducerIdentity, bumps = true): ProducerIdentity {
  const answer = one.init(1000, expected, bumps);
  assert.ok(typeof answer !== "number", `error ${answer}`);
  return answer;
}

/** Has a transaction whose producer has this epoch. */
function atEpoch(epoch: number): Transaction {
  const one = transaction();
  while (one.identity.producerEpoch < epoch) init(one);
  return one;
}

function begin(one: Transaction): ProducerIdentity {
  const { identity } = one;
  assert.equal(one.enter(identity, 5), ErrorCode.NONE);
  return identity;
}

describe("a transactional id", () => {
  test("gets another producer id when the epochs of one are used up", () => {
    const one = atEpoch(LAST - 1);
    assert.deepEqual(init(one), { producerId: 1, producerEpoch: LAST });
    assert.deepEqual(init(one), { producerId: 2, producerEpoch: 0 });
  });

  test("gives the same new producer id to one who asks again because the answer was lost", () => {
    const one = atEpoch(LAST);
    const before = one.identity;
    assert.deepEqual(init(one, before), { producerId: 2, producerEpoch: 0 });
    assert.deepEqual(init(one, before), { producerId: 2, producerEpoch: 0 });
    assert.deepEqual(init(one, { producerId: 2, producerEpoch: 0 }), { producerId: 2, producerEpoch: 1 });
    assert.equal(one.init(1000, before, true), ErrorCode.PRODUCER_FENCED);
  });

  test("goes on with another producer id after the transaction that used up the last epoch", () => {
    const one = atEpoch(LAST);
    const old = begin(one);
    assert.equal(one.endBumping(old, true, 6), ErrorCode.NONE);
    assert.deepEqual(one.identity, { producerId: 1, producerEpoch: LAST + 1 }, "the marker fences the last epoch");
    assert.deepEqual(one.nextIdentity, { producerId: 2, producerEpoch: 0 });
    assert.equal(one.endBumping(old, true, 6), ErrorCode.CONCURRENT_TRANSACTIONS);
    one.complete();
    assert.deepEqual(one.identity, { producerId: 2, producerEpoch: 0 });
    assert.equal(one.endBumping(old, true, 6), ErrorCode.NONE, "asked again");
    assert.equal(one.endBumping(old, false, 6), ErrorCode.INVALID_TXN_STATE);
    assert.equal(one.enter(one.identity, 7), ErrorCode.NONE);
    assert.equal(one.endBumping(old, true, 6), ErrorCode.INVALID_PRODUCER_ID_MAPPING, "a transaction later it is old");
  });

  for (const bumps of [true, false]) {
    test(`can still fence a producer in its last epoch ${bumps ? "with" : "without"} raised epochs`, () => {
      const one = atEpoch(LAST);
      const old = begin(one);
      assert.equal(one.init(1000, undefined, bumps), ErrorCode.CONCURRENT_TRANSACTIONS);
      assert.deepEqual([one.state, one.identity.producerEpoch], ["PrepareAbort", LAST + 1]);
      assert.equal(one.init(1000, undefined, bumps), ErrorCode.CONCURRENT_TRANSACTIONS);
      one.complete();
      assert.deepEqual(init(one, undefined, bumps), { producerId: 2, producerEpoch: bumps ? 1 : 0 });
      assert.notEqual(one.enter(old, 5), ErrorCode.NONE);
    });
  }

  test("lets no answer of an earlier transaction end a later one", () => {
    const one = transaction();
    init(one);
    const first = begin(one);
    one.endBumping(first, true, 6);
    one.complete();
    const second = begin(one);
    assert.equal(second.producerEpoch, first.producerEpoch + 1);
    assert.equal(one.endBumping(first, false, 6), ErrorCode.PRODUCER_FENCED);
    assert.equal(one.state, "Ongoing");
    assert.equal(one.endBumping(second, false, 6), ErrorCode.NONE);
    assert.equal(one.endBumping(one.identity, false, 6), ErrorCode.PRODUCER_FENCED, "of an epoch that has not begun");
  });
});
