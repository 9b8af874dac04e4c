import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BatchBuilder } from "../../protocol/batch-builder.ts";
import { parseProducerId, producerIdOf } from "../../protocol/producer-id.ts";
import { Reader } from "../../protocol/reader.ts";
import { readBatchHeader } from "../../protocol/record-batch.ts";
import { Writer } from "../../protocol/writer.ts";

const anyInt64 = fc.oneof(
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  fc.constantFrom(-1n, 0n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n),
);

describe("producer ids", () => {
  test("every int64 has one form, and comes back in it", () => {
    fc.assert(
      fc.property(anyInt64, (value) => {
        const id = producerIdOf(value);
        assert.equal(typeof id, value >= -(2n ** 53n) + 1n && value < 2n ** 53n ? "number" : "bigint");
        const writer = new Writer();
        writer.producerId(id);
        const bytes = writer.finish();
        assert.equal(new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0), value);
        assert.equal(new Reader(bytes).producerId(), id);
        assert.equal(parseProducerId(String(id)), id);
      }),
    );
  });

  test("a batch carries an id that no number could, as other brokers than Apache's give", () => {
    const producerId = 2n ** 62n + 12_345n;
    const builder = new BatchBuilder(1_000);
    builder.append(null, new Uint8Array(3), 0);
    builder.close("none");
    const bytes = builder.stamped({ producerId, producerEpoch: 3, baseSequence: 7, transactional: true });
    assert.equal(readBatchHeader(bytes, 0)?.producerId, producerId);
  });

  test("what no int64 holds is not written", () => {
    assert.throws(() => new Writer().producerId(2n ** 63n), { name: "EncodeError" });
  });
});
