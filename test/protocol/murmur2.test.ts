import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { murmur2, partitionForKey } from "../../protocol/murmur2.ts";

/** What org.apache.kafka.common.utils.Utils.murmur2 of kafka-clients 4.3.0 gives for keys of all lengths to 64. */
const vectors: { key: string; hash: number }[] = JSON.parse(
  readFileSync(new URL("../fixtures/murmur2.json", import.meta.url), "utf8"),
);
const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));

describe("murmur2", () => {
  test("murmur2 gives what Java gives", () => {
    const lengths = new Set(vectors.map(({ key }) => key.length / 2));
    for (let length = 0; length <= 64; length++) assert.ok(lengths.has(length), `no vector of ${length} bytes`);
    for (const { key, hash } of vectors) assert.equal(murmur2(fromHex(key)), hash, key);
  });

  test("murmur2 gives the values of Java's own tests", () => {
    const of = (text: string): number => murmur2(new TextEncoder().encode(text));
    assert.equal(of("21"), -973932308);
    assert.equal(of("foobar"), -790332482);
  });

  test("murmur2 reads nothing outside the key", () => {
    for (const { key, hash } of vectors) {
      const around = fromHex(`ffffff${key}ffffffff`);
      assert.equal(murmur2(around.subarray(3, around.length - 4)), hash, key);
    }
  });
});

describe("partitionForKey", () => {
  test("partitionForKey drops the hash's sign bit, as Java does", () => {
    assert.equal(partitionForKey(new TextEncoder().encode("21"), 100), (-973932308 & 0x7fffffff) % 100);
    for (const { key, hash } of vectors) {
      assert.equal(partitionForKey(fromHex(key), 7), Number(BigInt.asUintN(31, BigInt(hash)) % 7n), key);
    }
  });

  test("partitionForKey stays within the topic", () => {
    const input = fc.tuple(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 10_000 }));
    fc.assert(
      fc.property(input, ([key, partitionCount]) => {
        const partition = partitionForKey(key, partitionCount);
        assert.ok(Number.isInteger(partition) && partition >= 0 && partition < partitionCount);
      }),
    );
  });

  test("partitionForKey refuses a topic without partitions", () => {
    for (const count of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => partitionForKey(new Uint8Array(1), count), { name: "RangeError", message: /partitionCount/ });
    }
  });
});
