import { strict as assert } from "node:assert";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BatchBuilder, NO_PRODUCER, type ProducerStamp } from "../../protocol/batch-builder.ts";
import { readBatchHeader } from "../../protocol/record-batch.ts";
import { readFetched } from "../../protocol/records.ts";

const text = new TextEncoder();
const first: ProducerStamp = { producerId: 7, producerEpoch: 1, baseSequence: 40, transactional: false };

function built(values: readonly string[], expectedBytes = 0): BatchBuilder {
  const builder = new BatchBuilder(1 << 20, expectedBytes);
  for (const value of values) assert.ok(builder.append(null, text.encode(value), 1_000));
  return builder;
}

describe("BatchBuilder", () => {
  test("BatchBuilder makes the same bytes however much room it began with", () => {
    const values = Array.from({ length: 300 }, (_, i) => `value ${i}`);
    const small = built(values).stamped(first);
    const large = built(values, 1 << 16).stamped(first);
    assert.deepEqual(small, large);
    const { records } = readFetched(small, 0, null, 1 << 20);
    assert.deepEqual(
      records.map(({ value }) => new TextDecoder().decode(value!)),
      values,
    );
  });

  test("a batch stamped anew leaves what was given before as it was: it may still be on its way out", () => {
    const builder = built(["a", "b"]);
    const before = builder.stamped(first);
    const copy = before.slice();
    assert.equal(builder.stamped({ ...first }).buffer, before.buffer);
    const after = builder.stamped({ ...first, producerEpoch: 2, baseSequence: 0 });
    assert.deepEqual(before, copy);
    const { producerId, producerEpoch, baseSequence, recordCount } = readBatchHeader(after, 0)!;
    assert.deepEqual([producerId, producerEpoch, baseSequence, recordCount], [7, 2, 0, 2]);
    assert.equal(readFetched(after, 0, null, 1 << 20).records.length, 2);
  });

  test("the first record always fits, and the one that would go beyond the most belongs to the next batch", () => {
    const builder = new BatchBuilder(100);
    assert.ok(builder.append(null, new Uint8Array(200), 0));
    assert.ok(!builder.append(null, new Uint8Array(1), 0));
    const { records } = readFetched(builder.stamped(NO_PRODUCER), 0, null, 1 << 20);
    assert.deepEqual(
      records.map(({ value }) => value?.length),
      [200],
    );
  });

  test("a record given as text has the bytes of the same given as UTF-8, whatever the text", () => {
    const part = fc.option(fc.oneof(fc.string({ maxLength: 80 }), fc.string({ unit: "binary", maxLength: 80 })));
    const header = fc.tuple(fc.string({ unit: "binary", maxLength: 30 }), part);
    const record = fc.tuple(part, part, fc.array(header, { maxLength: 4 }));
    const bytes = (given: string | null): Uint8Array | null => (given === null ? null : text.encode(given));
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 100, max: 3_000 }),
        (all, max) => {
          const [asText, asBytes] = [new BatchBuilder(max), new BatchBuilder(max)];
          for (const [i, [key, value, headers]] of all.entries()) {
            const encoded = headers.map(([name, given]) => [name, bytes(given)] as const);
            assert.equal(
              asText.append(key, value, 1_000 + i, headers),
              asBytes.append(bytes(key), bytes(value), 1_000 + i, encoded),
            );
          }
          assert.deepEqual(asText.stamped(first), asBytes.stamped(first));
        },
      ),
    );
  });
});
