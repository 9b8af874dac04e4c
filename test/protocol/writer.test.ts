import { strict as assert } from "node:assert";
import { describe, test } from "node:test";
import fc from "fast-check";
import { EncodeError, WORTH_GATHERING, Writer } from "../../protocol/writer.ts";

function hex(write: (writer: Writer) => void): string {
  const writer = new Writer();
  write(writer);
  return Buffer.from(writer.finish()).toString("hex");
}

describe("Writer", () => {
  test("Writer puts integers big-endian, and varints low bits first", () => {
    assert.equal(
      hex((w) => w.int8(-2)),
      "fe",
    );
    assert.equal(
      hex((w) => w.int16(-2)),
      "fffe",
    );
    assert.equal(
      hex((w) => w.uint16(0xfffe)),
      "fffe",
    );
    assert.equal(
      hex((w) => w.int32(0x01020304)),
      "01020304",
    );
    assert.equal(
      hex((w) => w.uint32(0xfffffffe)),
      "fffffffe",
    );
    assert.equal(
      hex((w) => w.boolean(true)),
      "01",
    );
    assert.equal(
      hex((w) => w.float64(1)),
      "3ff0000000000000",
    );
    assert.equal(
      hex((w) => w.uvarint(300)),
      "ac02",
    );
    assert.equal(
      hex((w) => w.uvarint(0xffff_ffff)),
      "ffffffff0f",
    );
    assert.equal(
      hex((w) => w.uuid("01020304-0506-0708-090A-0b0c0d0e0f10")),
      "0102030405060708090a0b0c0d0e0f10",
    );
  });

  test("Writer puts every safe integer as two's complement of 64 bits", () => {
    assert.equal(
      hex((w) => w.int64(Number.MAX_SAFE_INTEGER)),
      "001fffffffffffff",
    );
    assert.equal(
      hex((w) => w.int64(Number.MIN_SAFE_INTEGER)),
      "ffe0000000000001",
    );
    const reference = (value: number): string => BigInt.asUintN(64, BigInt(value)).toString(16).padStart(16, "0");
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        assert.equal(
          hex((w) => w.int64(value)),
          reference(value),
        );
      }),
    );
  });

  test("Writer refuses what a type cannot hold", () => {
    const refused: [string, (writer: Writer) => void][] = [
      ["int8", (w) => w.int8(128)],
      ["int16", (w) => w.int16(-32769)],
      ["uint16", (w) => w.uint16(-1)],
      ["int32", (w) => w.int32(2 ** 31)],
      ["uint32", (w) => w.uint32(2 ** 32)],
      ["int64", (w) => w.int64(2 ** 53)],
      ["int64", (w) => w.int64(-(2 ** 53))],
      ["int32", (w) => w.int32(0.5)],
      ["int32", (w) => w.int32(Number.NaN)],
      ["uvarint", (w) => w.uvarint(-1)],
      ["uvarint", (w) => w.uvarint(2 ** 32)],
    ];
    for (const [type, write] of refused) {
      assert.throws(
        () => hex(write),
        (error) => error instanceof EncodeError && error.message.includes(type),
      );
    }
    assert.throws(() => hex((w) => w.uuid("0102")), /not a UUID: "0102"/);
  });

  test("Writer gives the same bytes whatever the capacity it began with", () => {
    const steps = fc.array(
      fc.oneof(
        fc.nat().map((n) => (w: Writer) => w.uvarint(n)),
        fc.nat().map((n) => (w: Writer) => w.int32(n)),
        fc.maxSafeInteger().map((n) => (w: Writer) => w.int64(n)),
        fc.uuid().map((id) => (w: Writer) => w.uuid(id)),
        fc.uint8Array({ maxLength: 9 }).map((bytes) => (w: Writer) => w.raw(bytes)),
        fc.uint8Array({ maxLength: 9 }).map((bytes) => (w: Writer) => {
          w.source({ byteLength: bytes.length, writeTo: (target, at) => target.set(bytes, at) });
        }),
      ),
    );
    fc.assert(
      fc.property(steps, fc.nat(64), (writes, capacity) => {
        const small = new Writer(capacity);
        const large = new Writer(4096);
        for (const write of writes) {
          write(small);
          write(large);
        }
        assert.deepEqual(small.finish(), large.finish());
      }),
    );
  });

  test("Writer that gathers gives the same bytes in parts, and does not copy long ones", () => {
    const long = new Uint8Array(WORTH_GATHERING).fill(7);
    const short = new Uint8Array(WORTH_GATHERING - 1).fill(8);
    const steps: ((writer: Writer) => void)[] = [
      (w) => w.raw(long),
      (w) => w.int32(1),
      (w) => w.raw(short),
      (w) => w.raw(long),
      (w) => w.raw(long),
      (w) => w.int32(2),
    ];
    const plain = new Writer();
    const gathering = new Writer(16, true);
    for (const step of steps) {
      step(plain);
      step(gathering);
    }
    const parts = gathering.parts();
    assert.equal(parts.filter((part) => part === long).length, 3);
    assert.equal(parts.length, 5);
    assert.deepEqual(Buffer.concat(parts), Buffer.from(plain.finish()));
    assert.deepEqual(new Writer(16, true).parts(), []);
  });
});
