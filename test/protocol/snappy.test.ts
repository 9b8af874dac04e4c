import { strict as assert } from "node:assert";
import { describe, test } from "node:test";
import fc from "fast-check";
import { snappyCompress, snappyCompressRaw, snappyDecompress } from "../../protocol/snappy.ts";
import { assertSameBytes, concatBytes, damaged, damages, sampleBytes, samples } from "../support/byte-samples.ts";
import { fuzzRuns } from "../support/fuzz-runs.ts";

const CAP = 1 << 20;
const HEADER = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1];
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytesOf = (value: string): Uint8Array => new TextEncoder().encode(value);

function refused(bytes: Uint8Array | readonly number[], message: RegExp, maxBytes = CAP): void {
  assert.throws(() => snappyDecompress(Uint8Array.from(bytes), maxBytes), { name: "DecodeError", message });
}

describe("snappyCompress", () => {
  test("snappyCompress round-trips, framed and raw", () => {
    fc.assert(
      fc.property(samples(300_000), (bytes) => {
        assertSameBytes(snappyDecompress(snappyCompress(bytes), bytes.length), bytes);
        assertSameBytes(snappyDecompress(snappyCompressRaw(bytes), bytes.length), bytes);
      }),
    );
  });

  test("snappyCompress makes repetition small and random bytes hardly larger", () => {
    assert.ok(snappyCompress(sampleBytes(200_000, 50, 0)).length < 12_000);
    assert.ok(snappyCompress(sampleBytes(200_000, 1, 256)).length < 200_100);
  });

  test("snappyCompress frames blocks as Java does", () => {
    assert.deepEqual([...snappyCompress(new Uint8Array(0))], HEADER);
    assert.deepEqual([...snappyCompress(bytesOf("abc"))], [...HEADER, 0, 0, 0, 5, 3, 8, 97, 98, 99]);
    const twoBlocks = snappyCompress(sampleBytes(70_000, 10, 0));
    const first = new DataView(twoBlocks.buffer).getInt32(16);
    const second = new DataView(twoBlocks.buffer).getInt32(20 + first);
    assert.equal(24 + first + second, twoBlocks.length);
  });
});

describe("snappyDecompress", () => {
  test("snappyDecompress reads literals with lengths of every width", () => {
    const content = sampleBytes(300, 1, 256);
    const length = [0xac, 0x02];
    for (const tag of [
      [61 << 2, 43, 1],
      [62 << 2, 43, 1, 0],
      [63 << 2, 43, 1, 0, 0],
    ]) {
      assertSameBytes(snappyDecompress(concatBytes(length, tag, content), 300), content);
    }
    const short = content.subarray(0, 100);
    assertSameBytes(snappyDecompress(concatBytes([100, 60 << 2, 99], short), 100), short);
  });

  test("snappyDecompress reads copies with distances of every width, overlapping ones too", () => {
    const abc = [2 << 2, 97, 98, 99];
    assert.equal(text(snappyDecompress(concatBytes([7], abc, [1, 3]), 7)), "abcabca");
    assert.equal(text(snappyDecompress(concatBytes([10], abc, [(6 << 2) | 2, 3, 0]), 10)), "abcabcabca");
    assert.equal(text(snappyDecompress(concatBytes([5], abc, [(1 << 2) | 3, 2, 0, 0, 0]), 5)), "abcbc");
  });

  test("snappyDecompress reads streams that follow each other and an empty one", () => {
    const both = concatBytes(snappyCompress(bytesOf("one ")), snappyCompress(bytesOf("two")));
    assert.equal(text(snappyDecompress(both, 7)), "one two");
    assert.equal(snappyDecompress(Uint8Array.from(HEADER), 0).length, 0);
    assert.equal(snappyDecompress(Uint8Array.of(0), 0).length, 0);
  });

  test("snappyDecompress refuses more than is allowed by the claim alone", () => {
    const bytes = sampleBytes(200_000, 9, 0);
    for (const packed of [snappyCompress(bytes), snappyCompressRaw(bytes)]) {
      refused(packed, /decompresses to 200000 bytes, 199999 are allowed/, 199_999);
    }
    refused([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 97], /7 bytes claims to hold 4294967295/, Number.MAX_SAFE_INTEGER);
  });

  test("snappyDecompress names what is wrong", () => {
    refused([], /no valid length/);
    refused([0x80, 0x80, 0x80, 0x80, 0x80, 0x01], /no valid length/);
    refused([3, 2 << 2, 97, 98], /cut short/);
    refused([3, 61 << 2, 1], /cut short/);
    refused([4, 0, 97, 2, 1], /cut short/);
    refused([5, 0, 97], /4 bytes short of its length/);
    refused([1, 1 << 2, 97, 98], /more than its length/);
    refused([4, 0, 97, 1, 1], /more than its length/);
    refused([9, 0, 97, 1, 0], /copy from 0 bytes back/);
    refused([9, 0, 97, 1, 2], /copy from 2 bytes back/);
    refused([9, 0, 97, 3, 0xff, 0xff, 0xff, 0xff], /copy from 4294967295 bytes back/);
    refused(HEADER.slice(0, 12), /cut short in the header/);
    refused([...HEADER, 0, 0], /cut short in the header/);
    refused([...HEADER, 0, 0, 0, 9, 1, 0, 97], /block of 9 bytes at 16, 3 left/);
    refused([...HEADER, 0xff, 0xff, 0xff, 0xff, 1, 0, 97], /block of -1 bytes/);
    refused([...HEADER, 0, 0, 0, 0], /no valid length/);
  });

  test("snappyDecompress gives a value within the cap or a DecodeError, whatever happened to the bytes", () => {
    fc.assert(
      fc.property(samples(20_000), fc.boolean(), damages, (bytes, raw, damage) => {
        const packed = damaged(raw ? snappyCompressRaw(bytes) : snappyCompress(bytes), damage);
        const cap = bytes.length + 10;
        try {
          assert.ok(snappyDecompress(packed, cap).length <= cap);
        } catch (error) {
          assert.equal((error as Error).name, "DecodeError");
        }
      }),
      { numRuns: fuzzRuns(500) },
    );
  });
});
