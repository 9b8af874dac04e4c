import { strict as assert } from "node:assert";
import { describe, test } from "node:test";
import fc from "fast-check";
import { crc32c } from "../../protocol/crc32c.ts";
import { FOLDING_PAYS_FROM, fold } from "../../protocol/crc32c-fold.ts";
import { sampleBytes } from "../support/byte-samples.ts";

/** The definition, a bit at a time. */
function bitwise(bytes: Uint8Array, from = -1): number {
  let crc = from;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe("crc32c", () => {
  test("crc32c gives the published values", () => {
    const of = (bytes: Uint8Array): string => crc32c(bytes, 0, bytes.length).toString(16);
    assert.equal(of(new TextEncoder().encode("123456789")), "e3069283");
    assert.equal(of(new Uint8Array(0)), "0");
    // RFC 3720, B.4
    assert.equal(of(new Uint8Array(32)), "8a9136aa");
    assert.equal(of(new Uint8Array(32).fill(0xff)), "62a8ab43");
    assert.equal(of(Uint8Array.from({ length: 32 }, (_, i) => i)), "46dd794e");
    assert.equal(of(Uint8Array.from({ length: 32 }, (_, i) => 31 - i)), "113fdb5c");
  });

  test("crc32c is right at every alignment, around the length where it changes to words", () => {
    const bytes = sampleBytes(700, 1, 256);
    for (let offset = 0; offset < 8; offset++) {
      for (const length of [0, 1, 3, 15, 16, 17, 31, 33, 500, 511, 512, 513, 515, 516, 527, 528, 529, 600]) {
        const view = bytes.subarray(offset);
        assert.equal(crc32c(view, 1, 1 + length), bitwise(view.subarray(1, 1 + length)), `${offset} ${length}`);
      }
    }
  });

  test("crc32c is right for any slice of any bytes", () => {
    const input = fc.tuple(fc.nat(5000), fc.nat(40), fc.nat(40), fc.integer());
    fc.assert(
      fc.property(input, ([length, before, after, seed]) => {
        const bytes = sampleBytes(before + length + after, 1, 256, seed);
        const end = before + length;
        assert.equal(crc32c(bytes, before, end), bitwise(bytes.subarray(before, end)));
      }),
    );
  });

  test("crc32c is right around the lengths where words are folded, and where another block of them is", () => {
    const folded = 4 * FOLDING_PAYS_FROM;
    const block = 4 * 512;
    const reach = 4 * 209;
    const bytes = sampleBytes(folded + 2 * block + 100, 1, 256);
    const borders = [folded, folded + block, folded + reach, folded + block + reach];
    for (const length of borders.flatMap((border) => [-17, -16, -1, 0, 1, 15, 16, 17].map((n) => border + n))) {
      for (const offset of [0, 1, 3]) {
        const view = bytes.subarray(offset, offset + length);
        assert.equal(crc32c(view, 0, length), bitwise(view), `${offset} ${length}`);
      }
    }
  });

  test("fold keeps the sum of any words, whatever it begins at, and does not touch them", () => {
    const input = fc.tuple(fc.integer({ min: FOLDING_PAYS_FROM, max: 5_000 }), fc.integer(), fc.integer());
    fc.assert(
      fc.property(input, ([length, crc, seed]) => {
        // Words lie at multiples of four.
        const bytes = new Uint8Array(sampleBytes(4 * length, 1, 256, seed));
        const before = bytes.slice();
        const folded = fold(crc, new Int32Array(bytes.buffer, bytes.byteOffset, length));
        assert.deepEqual(bytes, before);
        assert.ok(folded.length < FOLDING_PAYS_FROM && (length - folded.length) % 4 === 0, `${folded.length}`);
        const foldedBytes = new Uint8Array(folded.buffer, folded.byteOffset, folded.byteLength);
        assert.equal(bitwise(foldedBytes, 0), bitwise(bytes, crc));
      }),
    );
  });

  test("crc32c notices every single bit that turns", () => {
    const bytes = sampleBytes(530, 1, 256);
    const intact = crc32c(bytes, 0, bytes.length);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      assert.notEqual(crc32c(bytes, 0, bytes.length), intact, `bit ${bit}`);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
    }
  });
});
