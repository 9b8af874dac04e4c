import { strict as assert } from "node:assert";
import { describe, test } from "node:test";
import fc from "fast-check";
import { DecodeError, Reader } from "../../protocol/reader.ts";
import { Writer } from "../../protocol/writer.ts";

const fromHex = (hex: string): Reader => new Reader(Uint8Array.from(Buffer.from(hex, "hex")));

/** A signed varint of up to 64 bits as records have it, by the definition. */
function zigzag(value: bigint): string {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  const bytes: number[] = [];
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]).toString("hex");
}

describe("Reader", () => {
  test("Reader gives back what the Writer wrote", () => {
    const values = fc.tuple(fc.integer(), fc.maxSafeInteger(), fc.nat(), fc.uuid(), fc.double(), fc.boolean());
    fc.assert(
      fc.property(values, ([int, long, varint, uuid, double, flag]) => {
        const writer = new Writer();
        writer.int32(int);
        writer.int64(long);
        writer.uvarint(varint);
        writer.uuid(uuid);
        writer.float64(double);
        writer.boolean(flag);
        const reader = new Reader(writer.finish());
        assert.deepEqual(
          [reader.int32(), reader.int64(), reader.uvarint(), reader.uuid(), reader.float64(), reader.boolean()],
          [int, long, varint, uuid, double, flag],
        );
        assert.equal(reader.remaining, 0);
      }),
    );
  });

  test("Reader refuses an int64 beyond the safe integers", () => {
    assert.equal(fromHex("001fffffffffffff").int64(), Number.MAX_SAFE_INTEGER);
    assert.equal(fromHex("ffe0000000000001").int64(), Number.MIN_SAFE_INTEGER);
    for (const hex of [
      "0020000000000000",
      "0020000000000001",
      "ffe0000000000000",
      "7fffffffffffffff",
      "8000000000000000",
    ]) {
      assert.throws(() => fromHex(hex).int64(), /int64 at 0 is beyond the safe integers/);
    }
  });

  test("Reader reads unsigned varints of at most 32 bits", () => {
    assert.equal(fromHex("ffffffff0f").uvarint(), 0xffff_ffff);
    assert.equal(fromHex("8000").uvarint(), 0);
    for (const hex of ["ffffffff10", "ffffffff8f00", "808080808000", "ffffffffff"]) {
      assert.throws(() => fromHex(hex).uvarint(), /longer than 32 bits/);
    }
    assert.throws(() => fromHex("ffff").uvarint(), DecodeError);
  });

  test("Reader reads zigzag varints over the whole range of 32 bits", () => {
    fc.assert(
      fc.property(fc.integer(), (value) => {
        assert.equal(fromHex(zigzag(BigInt(value))).varint(), value);
      }),
    );
    assert.equal(fromHex("ffffffff0f").varint(), -(2 ** 31));
    assert.equal(fromHex("feffffff0f").varint(), 2 ** 31 - 1);
  });

  test("Reader reads zigzag varlongs up to 52 bits and refuses longer ones", () => {
    const most = 2 ** 52 - 1;
    fc.assert(
      fc.property(fc.integer({ min: -most, max: most }), (value) => {
        assert.equal(fromHex(zigzag(BigInt(value))).varlong(), value);
      }),
    );
    for (const value of [2n ** 53n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
      assert.throws(() => fromHex(zigzag(value)).varlong(), /beyond the safe integers/);
    }
    assert.throws(() => fromHex("ff".repeat(11)).varlong(), /longer than 64 bits/);
  });

  test("Reader never reads outside of its part of the bytes", () => {
    const bytes = Uint8Array.from({ length: 20 }, (_, i) => i);
    const reads: ((reader: Reader) => unknown)[] = [
      (r) => r.int8(),
      (r) => r.int16(),
      (r) => r.uint16(),
      (r) => r.int32(),
      (r) => r.uint32(),
      (r) => r.int64(),
      (r) => r.float64(),
      (r) => r.uuid(),
      (r) => r.utf8(1),
      (r) => r.slice(1),
      (r) => r.uvarint(),
    ];
    for (const read of reads) {
      assert.throws(() => read(new Reader(bytes, 7, 7)), /1?\d bytes wanted at 7, 0 left in the frame/);
    }
    const reader = new Reader(bytes, 3, 10);
    for (const length of [-1, 8, 2 ** 31]) assert.throws(() => reader.slice(length), DecodeError);
    assert.deepEqual([reader.position, reader.remaining], [3, 7]);
  });

  test("Reader reads from a view that begins within its buffer", () => {
    const view = Uint8Array.of(9, 9, 0, 0, 1, 0).subarray(2);
    assert.equal(new Reader(view).int32(), 256);
    assert.deepEqual(new Reader(view, 2).slice(2), Uint8Array.of(1, 0));
  });
});
