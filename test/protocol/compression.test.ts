import { strict as assert } from "node:assert";
import { describe, test } from "node:test";
import * as nodeZlib from "node:zlib";
import fc from "fast-check";
import { type CompressionType, codecIds, compress, decompress, type Zlib } from "../../protocol/compression.ts";
import { assertSameBytes, concatBytes, damaged, damages, sampleBytes, samples } from "../support/byte-samples.ts";
import { foreignCompression } from "../support/foreign-compression.ts";
import { fuzzRuns } from "../support/fuzz-runs.ts";

const withoutZstd: Zlib = { gzipSync: nodeZlib.gzipSync, gunzipSync: nodeZlib.gunzipSync };
const hasZstd = (nodeZlib as Partial<typeof nodeZlib>).zstdCompressSync !== undefined;
const types = (Object.keys(codecIds) as CompressionType[]).filter((type) => type !== "zstd" || hasZstd);
const packedTypes = types.filter((type) => type !== "none");
const readable = foreignCompression.filter(({ codecId }) => codecId !== codecIds.zstd || hasZstd);
const bytesOf = (value: string): Uint8Array => new TextEncoder().encode(value);

function refused(type: CompressionType, bytes: Uint8Array, maxBytes: number, message: RegExp): void {
  const expected = { name: "DecodeError", code: "DECODE_ERROR", message };
  assert.throws(() => decompress(codecIds[type], bytes, maxBytes), expected, type);
}

describe("compress", () => {
  test("compress round-trips with every codec", () => {
    fc.assert(
      fc.property(samples(300_000), fc.constantFrom(...types), (bytes, type) => {
        assertSameBytes(decompress(codecIds[type], compress(type, bytes), bytes.length), bytes);
      }),
      { numRuns: 200 },
    );
  });

  test("compress makes repetition smaller with every codec", () => {
    const bytes = sampleBytes(100_000, 100, 2);
    for (const type of packedTypes) assert.ok(compress(type, bytes).length < 20_000, type);
  });

  test("compress and decompress give plain Uint8Arrays", () => {
    for (const type of packedTypes) {
      const packed = compress(type, bytesOf("abc"));
      assert.equal(Object.getPrototypeOf(packed), Uint8Array.prototype, type);
      assert.equal(Object.getPrototypeOf(decompress(codecIds[type], packed, 3)), Uint8Array.prototype, type);
    }
  });

  test("compress refuses an unknown type by name", () => {
    const message = 'compression "brotli" is unknown: use none, gzip, snappy, lz4, zstd';
    assert.throws(() => compress("brotli" as CompressionType, new Uint8Array(1)), { name: "EncodeError", message });
  });
});

describe("decompress", () => {
  test("decompress reads what Kafka's Java classes and the reference tools wrote", () => {
    assert.equal(foreignCompression.length, 40);
    for (const { content, writtenBy, codecId, unit, times, packed } of readable) {
      const expected = bytesOf(unit.repeat(times));
      try {
        assertSameBytes(decompress(codecId, packed, expected.length), expected);
      } catch (error) {
        throw new Error(`${content}, ${writtenBy}`, { cause: error });
      }
    }
  });

  test("decompress gives exactly maxBytes and not one more", () => {
    const bytes = sampleBytes(100_000, 100, 10);
    for (const type of types) {
      const packed = compress(type, bytes);
      assert.equal(decompress(codecIds[type], packed, 100_000).length, 100_000);
      assert.equal(decompress(codecIds[type], packed, Number.MAX_SAFE_INTEGER).length, 100_000);
      refused(type, packed, 99_999, /allowed/);
      refused(type, compress(type, bytesOf("a")), 0, /allowed/);
      assert.equal(decompress(codecIds[type], compress(type, new Uint8Array(0)), 0).length, 0);
    }
  });

  test("decompress refuses a bomb", () => {
    const zeros = new Uint8Array(30_000_000);
    for (const type of packedTypes) refused(type, compress(type, zeros), 1_000_000, /allowed/);
  });

  test("decompress refuses nothing at all where a header has to be", () => {
    for (const type of packedTypes) refused(type, new Uint8Array(0), 10, /./);
  });

  test("decompress refuses every proper beginning, but for snappy's stream of blocks", () => {
    const bytes = sampleBytes(300, 50, 20);
    for (const type of packedTypes) {
      const packed = compress(type, bytes);
      const start = type === "snappy" ? 17 : 0;
      for (let length = start; length < packed.length; length++) refused(type, packed.subarray(0, length), 300, /./);
    }
  });

  test("decompress joins gzip members, zstd frames and lz4 frames", () => {
    for (const type of packedTypes) {
      const parts = [sampleBytes(70_000, 100, 10), new Uint8Array(0), sampleBytes(1000, 100, 10, 2)];
      const packed = concatBytes(...parts.map((part) => compress(type, part)));
      assertSameBytes(decompress(codecIds[type], packed, 71_000), concatBytes(...parts));
      refused(type, packed, 70_999, /allowed/);
      refused(type, packed.subarray(0, packed.length - 1), 71_000, /./);
    }
  });

  test("decompress gives a value within the cap or a DecodeError, whatever happened to the bytes", () => {
    const data = fc.oneof(
      fc.tuple(fc.constantFrom(...types), samples(20_000)).map(([type, bytes]) => ({
        codecId: codecIds[type],
        packed: compress(type, bytes),
        cap: bytes.length + 10,
      })),
      fc.constantFrom(...readable).map(({ codecId, unit, times, packed }) => ({
        codecId,
        packed,
        cap: bytesOf(unit).length * times + 10,
      })),
    );
    fc.assert(
      fc.property(data, damages, ({ codecId, packed, cap }, damage) => {
        try {
          assert.ok(decompress(codecId, damaged(packed, damage), cap).length <= cap);
        } catch (error) {
          assert.equal((error as Error).name, "DecodeError");
        }
      }),
      { numRuns: fuzzRuns(1_000) },
    );
  });

  test("decompress reads or refuses arbitrary bytes", () => {
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.uint8Array({ maxLength: 300 }), (type, bytes) => {
        try {
          assert.ok(decompress(codecIds[type], bytes, 5000).length <= 5000);
        } catch (error) {
          assert.equal((error as Error).name, "DecodeError");
        }
      }),
      { numRuns: 500 },
    );
  });

  test("decompress refuses an unknown codec by number", () => {
    for (const codecId of [5, 7, -1]) {
      const message = new RegExp(`codec ${codecId} is unknown`);
      assert.throws(() => decompress(codecId, new Uint8Array(1), 9), { name: "DecodeError", message });
    }
  });

  test("decompress keeps the runtime's error as the cause", () => {
    assert.throws(
      () => decompress(codecIds.gzip, bytesOf("not gzip"), 100),
      (error: Error) => /^gzip data is corrupt: /.test(error.message) && error.cause instanceof Error,
    );
  });
});

describe("zstd", () => {
  test("zstd is refused with what to do where the runtime lacks it", () => {
    const expected = {
      name: "CodecUnavailableError",
      code: "CODEC_UNAVAILABLE",
      retriable: false,
      message: /^zstd .*Node 22\.15\+ or 23\.8\+, Deno 2\.9\+ or Bun 1\.2\.23\+, or have producers compress with/,
    };
    assert.throws(() => compress("zstd", new Uint8Array(1), withoutZstd), expected);
    assert.throws(() => decompress(codecIds.zstd, new Uint8Array(1), 9, withoutZstd), expected);
    const packed = compress("gzip", bytesOf("abc"), withoutZstd);
    assertSameBytes(decompress(codecIds.gzip, packed, 3, withoutZstd), bytesOf("abc"));
  });

  test("zstd frames that hold other than they say are refused", { skip: !hasZstd }, () => {
    const magic = [0x28, 0xb5, 0x2f, 0xfd];
    const abc = [0x19, 0, 0, 97, 98, 99];
    assertSameBytes(decompress(codecIds.zstd, Uint8Array.from([...magic, 0x20, 3, ...abc]), 3), bytesOf("abc"));
    refused("zstd", Uint8Array.from([...magic, 0x20, 4, ...abc]), 100, /./);
    refused("zstd", Uint8Array.from([...magic, 0xa0, 0, 0, 0, 0x80, ...abc]), 100, /allowed/);
    refused("zstd", Uint8Array.from([...magic, 0x23, 9, 9, 9, 9, 3, ...abc]), 100, /corrupt/);
  });

  test("zstd frames that tell no size share one cap", { skip: !hasZstd }, () => {
    const lines = foreignCompression.find(
      ({ content, writtenBy }) => content === "lines" && writtenBy.startsWith("Apache Kafka 4.3.0, zstd"),
    );
    const one = lines!.packed;
    const size = bytesOf(lines!.unit).length * lines!.times;
    assert.equal(decompress(codecIds.zstd, concatBytes(one, one), 2 * size).length, 2 * size);
    refused("zstd", concatBytes(one, one), 2 * size - 1, /allowed/);
  });

  test("zstd that the runtime decompresses only in part is refused", () => {
    const frame = Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, 3, 0x19, 0, 0, 97, 98, 99]);
    const lax: Zlib = { ...withoutZstd, zstdDecompressSync: () => bytesOf("ab") };
    const expected = { name: "DecodeError", message: /frame at 0 holds 2 bytes, its header says 3/ };
    assert.throws(() => decompress(codecIds.zstd, frame, 100, lax), expected);
  });

  test("zstd data of very many frames is refused", { skip: !hasZstd }, () => {
    const frame = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0];
    const many = (count: number): Uint8Array => Uint8Array.from({ length: 9 * count }, (_, i) => frame[i % 9]!);
    assert.equal(decompress(codecIds.zstd, many(100), 0).length, 0);
    refused("zstd", many(10_001), 0, /more than 10000 frames/);
  });
});
