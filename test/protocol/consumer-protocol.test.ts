import { strict as assert } from "node:assert";
import { describe, test } from "node:test";
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from "../../protocol/messages/consumer-protocol.ts";
import { DecodeError } from "../../protocol/reader.ts";

const owned = [{ topic: "mail", partitions: [0, 7] }];
const subscription = {
  topics: ["mail", "sms"],
  userData: Uint8Array.of(1, 2),
  ownedPartitions: owned,
  generationId: 5,
  rackId: "a",
};

function withVersion(bytes: Uint8Array, version: number): Uint8Array {
  const changed = bytes.slice();
  new DataView(changed.buffer).setInt16(0, version);
  return changed;
}

describe("consumer protocol", () => {
  test("a subscription leads with its version and gives back what the version holds", () => {
    const lost = [
      { ownedPartitions: [], generationId: -1, rackId: null },
      { generationId: -1, rackId: null },
      { rackId: null },
      {},
    ];
    for (const [version, missing] of lost.entries()) {
      const bytes = encodeSubscription(subscription, version);
      assert.deepEqual([...bytes.slice(0, 2)], [0, version]);
      assert.deepEqual(decodeSubscription(bytes), { ...subscription, ...missing });
    }
    assert.deepEqual(encodeSubscription(subscription), encodeSubscription(subscription, 3));
  });

  test("an assignment gives back what was written in every version", () => {
    for (const version of [0, 1, 2, 3]) {
      const bytes = encodeAssignment({ assignedPartitions: owned }, version);
      assert.deepEqual(decodeAssignment(bytes), { assignedPartitions: owned, userData: null });
    }
  });

  test("a version of the future is read as the highest known, and what it adds is passed over", () => {
    const later = Uint8Array.from([...withVersion(encodeSubscription(subscription), 9), 0, 0, 0, 42]);
    assert.deepEqual(decodeSubscription(later), subscription);
    const assignment = Uint8Array.from([...withVersion(encodeAssignment({ assignedPartitions: owned }), 9), 1]);
    assert.deepEqual(decodeAssignment(assignment), { assignedPartitions: owned, userData: null });
  });

  test("no bytes are an empty assignment and an empty subscription", () => {
    assert.deepEqual(decodeAssignment(new Uint8Array(0)), { assignedPartitions: [], userData: null });
    assert.deepEqual(decodeSubscription(new Uint8Array(0)), {
      topics: [],
      userData: null,
      ownedPartitions: [],
      generationId: -1,
      rackId: null,
    });
  });

  test("a cut message and a negative version are refused", () => {
    const bytes = encodeSubscription(subscription);
    for (let end = 1; end < bytes.length; end++) {
      assert.throws(() => decodeSubscription(bytes.slice(0, end)), DecodeError);
    }
    assert.throws(() => decodeSubscription(withVersion(bytes, -1)), /ConsumerProtocolSubscription has no version -1/);
    assert.throws(() => decodeAssignment(Uint8Array.of(0)), DecodeError);
  });

  test("a version that does not exist cannot be written", () => {
    assert.throws(() => encodeSubscription({}, 4), { name: "EncodeError" });
    assert.throws(() => encodeAssignment({}, -1), { name: "EncodeError" });
  });
});
