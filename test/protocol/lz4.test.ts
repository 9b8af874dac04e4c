import { strict as assert } from "node:assert";
import { describe, test } from "node:test";
import fc from "fast-check";
import { lz4Compress, lz4Decompress } from "../../protocol/lz4.ts";
import { xxhash32 } from "../../protocol/xxhash32.ts";
import { assertSameBytes, concatBytes, damaged, damages, sampleBytes, samples } from "../support/byte-samples.ts";
import { fuzzRuns } from "../support/fuzz-runs.ts";

const CAP = 1 << 23;
const MAGIC = [0x04, 0x22, 0x4d, 0x18];
const END = [0, 0, 0, 0];
const INDEPENDENT = 0x60;
const DEPENDENT = 0x40;
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytesOf = (value: string): Uint8Array => new TextEncoder().encode(value);
const uint32 = (value: number): number[] => [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24];
const hashOf = (bytes: Uint8Array): number[] => uint32(xxhash32(bytes, 0, bytes.length));

/** A header as the format's description has it, by hand. */
function header(flags: number, sizeCode = 4, rest: readonly number[] = []): number[] {
  const descriptor = [flags, sizeCode << 4, ...rest];
  return [...MAGIC, ...descriptor, hashOf(Uint8Array.from(descriptor))[1]!];
}
const block = (bytes: Uint8Array | readonly number[]): number[] => [...uint32(bytes.length), ...bytes];
const stored = (bytes: Uint8Array): number[] => [...uint32((bytes.length | 0x8000_0000) >>> 0), ...bytes];
/** "abc" as literals, then a match of `length` from `distance` back, then the five literals that end a block. */
const abcMatch = (distance: number, length: number): number[] => [
  0x30 | (length - 4),
  ...bytesOf("abc"),
  distance,
  0,
  0x50,
  ...bytesOf("12345"),
];

function refused(bytes: Uint8Array | readonly number[], message: RegExp, maxBytes = CAP): void {
  assert.throws(() => lz4Decompress(Uint8Array.from(bytes), maxBytes), { name: "DecodeError", message });
}

describe("lz4Compress", () => {
  test("lz4Compress round-trips", () => {
    fc.assert(
      fc.property(samples(300_000), (bytes) => {
        assertSameBytes(lz4Decompress(lz4Compress(bytes), bytes.length), bytes);
      }),
    );
  });

  test("lz4Compress makes repetition small and random bytes hardly larger", () => {
    assert.ok(lz4Compress(sampleBytes(200_000, 50, 0)).length < 1500);
    assert.equal(lz4Compress(sampleBytes(131_072, 1, 256)).length, 7 + 2 * (4 + 65_536) + 4);
  });

  test("lz4Compress writes the header that Java writes", () => {
    assert.deepEqual([...lz4Compress(new Uint8Array(0))], [...MAGIC, 0x60, 0x40, 0x82, ...END]);
    assert.deepEqual([...lz4Compress(bytesOf("abc"))], [...header(INDEPENDENT), ...stored(bytesOf("abc")), ...END]);
  });
});

describe("lz4Decompress", () => {
  test("lz4Decompress reads matches, overlapping ones too", () => {
    const frame = [...header(INDEPENDENT), ...block(abcMatch(3, 7)), ...END];
    assert.equal(text(lz4Decompress(Uint8Array.from(frame), 15)), "abcabcabca12345");
  });

  test("lz4Decompress lets dependent blocks reach into the blocks before, independent ones not", () => {
    const blocks = [...stored(bytesOf("wxyz")), ...block(abcMatch(7, 4)), ...END];
    assert.equal(text(lz4Decompress(Uint8Array.from([...header(DEPENDENT), ...blocks]), 16)), "wxyzabcwxyz12345");
    refused([...header(INDEPENDENT), ...blocks], /match from 7 bytes back/);
    // Another frame is another history.
    const frame = [...header(DEPENDENT), ...stored(bytesOf("wxyz")), ...END];
    refused([...frame, ...header(DEPENDENT), ...block(abcMatch(7, 4)), ...END], /match from 7 bytes back/);
  });

  test("lz4Decompress reads frames that follow each other and passes over skippable ones", () => {
    const skippable = [0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    const frames = concatBytes(skippable, lz4Compress(bytesOf("one ")), skippable, lz4Compress(bytesOf("two")));
    assert.equal(text(lz4Decompress(frames, 7)), "one two");
    assert.equal(lz4Decompress(Uint8Array.from(skippable), 0).length, 0);
  });

  test("lz4Decompress reads every block size up to 4 MB and refuses larger blocks", () => {
    for (const [code, size] of [
      [4, 1 << 16],
      [5, 1 << 18],
      [6, 1 << 20],
      [7, 1 << 22],
    ] as const) {
      const zeros = (length: number): Uint8Array => {
        const excess = length - 1 - 4 - 15 - 5;
        const lengths = new Uint8Array(Math.floor(excess / 255) + 1).fill(255);
        lengths[lengths.length - 1] = excess % 255;
        const sequence = concatBytes([0x1f, 0, 1, 0], lengths, [0x50, 0, 0, 0, 0, 0]);
        return concatBytes(header(INDEPENDENT, code), block(sequence), END);
      };
      assertSameBytes(lz4Decompress(zeros(size), size), new Uint8Array(size));
      refused(zeros(size + 1), new RegExp(`decompresses to ${size + 1} bytes, its frame allows ${size}`));
    }
    refused([...header(INDEPENDENT, 4), ...uint32(65_537)], /65537 bytes, its frame allows 65536/);
  });

  test("lz4Decompress checks the content's size", () => {
    const sized = (size: number): number[] => [
      ...header(INDEPENDENT | CONTENT_SIZE, 4, [...uint32(size), 0, 0, 0, 0]),
      ...stored(bytesOf("abc")),
      ...END,
    ];
    assert.equal(text(lz4Decompress(Uint8Array.from(sized(3)), 3)), "abc");
    refused(sized(4), /holds 3 bytes, its header says 4/);
  });

  test("lz4Decompress checks the checksums of header, blocks and content", () => {
    const content = bytesOf("abcabcabca12345");
    const packed = abcMatch(3, 7);
    const frame = Uint8Array.from([
      ...header(INDEPENDENT | BLOCK_CHECKSUM | CONTENT_CHECKSUM),
      ...block(packed),
      ...hashOf(Uint8Array.from(packed)),
      ...END,
      ...hashOf(content),
    ]);
    assertSameBytes(lz4Decompress(frame, content.length), content);
    const turned = (at: number): Uint8Array => frame.map((byte, i) => (i === at ? byte ^ 1 : byte));
    refused(turned(6), /header does not match its checksum/);
    refused(turned(12), /block does not match its checksum/);
    refused(turned(frame.length - 9), /block does not match its checksum/);
    refused(turned(frame.length - 1), /content does not match its checksum/);
  });

  test("lz4Decompress refuses every proper beginning of a frame", () => {
    const frame = lz4Compress(sampleBytes(500, 30, 30));
    for (let length = 0; length < frame.length; length++) refused(frame.subarray(0, length), /cut short|empty/);
  });

  test("lz4Decompress names what is wrong", () => {
    refused([1, 2, 3, 4], /begins with 0x4030201/);
    refused([...lz4Compress(bytesOf("abc")), 9, 9, 9, 9], /begins with 0x9090909/);
    refused(header(0x80), /version 2/);
    refused(header(INDEPENDENT | 2), /reserved/);
    refused(header(INDEPENDENT, 12), /reserved/);
    refused(header(INDEPENDENT | 1, 4, [1, 0, 0, 0]), /dictionary/);
    refused(header(INDEPENDENT, 3), /unknown block size 3/);
    refused([...header(INDEPENDENT), ...block(abcMatch(0, 4)), ...END], /match from 0 bytes back/);
    refused([...header(INDEPENDENT), ...block([0x30, 97, 98]), ...END], /block is cut short/);
    refused([...header(INDEPENDENT), ...block([0x30, 97, 98, 99, 3]), ...END], /block is cut short/);
    refused([...header(INDEPENDENT), ...block([0x30, 97, 98, 99, 3, 0]), ...END], /block is cut short/);
    refused([...header(INDEPENDENT), ...block([0xf0, 255, 255]), ...END], /block is cut short/);
  });

  test("lz4Decompress refuses more than is allowed before it decompresses", () => {
    const bomb = lz4Compress(new Uint8Array(20_000_000));
    refused(bomb, /are allowed/, 1_000_000);
    refused(lz4Compress(new Uint8Array(1000)), /1000 bytes or more, 999 are allowed/, 999);
  });

  test("lz4Decompress gives a value within the cap or a DecodeError, whatever happened to the bytes", () => {
    fc.assert(
      fc.property(samples(20_000), damages, (bytes, damage) => {
        const cap = bytes.length + 10;
        try {
          assert.ok(lz4Decompress(damaged(lz4Compress(bytes), damage), cap).length <= cap);
        } catch (error) {
          assert.equal((error as Error).name, "DecodeError");
        }
      }),
      { numRuns: fuzzRuns(500) },
    );
  });
});
