import { strict as assert } from "node:assert";
import { describe, test } from "node:test";
import { decodeBody, encodeBody, type Message, message } from "../../protocol/api.ts";
import {
  array,
  boolean,
  bytes,
  type Field,
  float64,
  int8,
  int32,
  int64,
  string,
  struct,
  uint16,
  uint32,
  uuid,
  ZERO_UUID,
} from "../../protocol/field.ts";

const FLEXIBLE = 2;

/** A message of versions 0 to 3, flexible from 2 on, around one field. */
function around<T>(field: Field<T>): Message<{ readonly it: T }> {
  return message(struct<{ readonly it: T }>({ it: field } as never), "Sample", {
    versions: [0, 3],
    flexibleSince: FLEXIBLE,
  });
}

const hex = (data: Uint8Array): string => Buffer.from(data).toString("hex");
const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

describe("schema", () => {
  test("strings, bytes and arrays have wide lengths before the flexible version, and varints from it on", () => {
    assert.equal(hex(encodeBody(around(string), 1, { it: "ab" })), "00026162");
    assert.equal(hex(encodeBody(around(string), 2, { it: "ab" })), "03616200");
    assert.equal(hex(encodeBody(around(bytes), 1, { it: Uint8Array.of(9) })), "0000000109");
    assert.equal(hex(encodeBody(around(bytes), 2, { it: Uint8Array.of(9) })), "020900");
    assert.equal(hex(encodeBody(around(array(int8)), 1, { it: [7, 8] })), "000000020708");
    assert.equal(hex(encodeBody(around(array(int8)), 2, { it: [7, 8] })), "03070800");
  });

  test("null is -1 before the flexible version, 0 from it on", () => {
    const cases: [Field<unknown>, string][] = [
      [string.nullable(), "ffff"],
      [bytes.nullable(), "ffffffff"],
      [array(int8).nullable(), "ffffffff"],
    ];
    for (const [field, old] of cases) {
      assert.equal(hex(encodeBody(around(field), 1, { it: null })), old);
      assert.equal(hex(encodeBody(around(field), 2, { it: null })), "0000");
      assert.deepEqual(decodeBody(around(field), 1, fromHex(old)), { it: null });
      assert.deepEqual(decodeBody(around(field), 2, fromHex("0000")), { it: null });
    }
  });

  test("a struct that may be null is led by a byte", () => {
    const sample = around(struct<{ readonly a: number }>({ a: int8 }).nullable().default(null));
    assert.equal(hex(encodeBody(sample, 1, { it: null })), "ff");
    assert.equal(hex(encodeBody(sample, 1, { it: { a: 5 } })), "0105");
    assert.equal(hex(encodeBody(sample, 2, { it: { a: 5 } })), "01050000");
    assert.deepEqual(decodeBody(sample, 1, fromHex("ff")), { it: null });
    assert.deepEqual(decodeBody(sample, 2, fromHex("01050000")), { it: { a: 5 } });
    assert.throws(() => around(int8.nullable()).encode(undefined as never, 0, {}), /a int8 field cannot be null/);
  });

  test("null is refused in a version before the field may be null, with the path to it", () => {
    const sample = message(
      struct<{ readonly list: readonly { readonly name: string | null }[] }>({
        list: array(struct<{ readonly name: string | null }>({ name: string.nullable(1) })),
      }),
      "Sample",
      { versions: [0, 1], flexibleSince: 9 },
    );
    assert.throws(() => encodeBody(sample, 0, { list: [{ name: null }] }), {
      name: "EncodeError",
      code: "ENCODE_ERROR",
      message: "Sample v0.list.name: null is not possible in this version",
    });
    assert.throws(() => decodeBody(sample, 0, fromHex("00000001ffff")), {
      name: "DecodeError",
      code: "DECODE_ERROR",
      message: "Sample v0.list.name: null where the version has none",
    });
    assert.deepEqual(decodeBody(sample, 1, fromHex("00000001ffff")), { list: [{ name: null }] });
  });

  test("a value for a field that the version lacks is refused, except where it is ignorable or the default", () => {
    assert.throws(() => encodeBody(around(int32.since(1)), 0, { it: 1 }), /it does not exist in version 0/);
    assert.throws(() => encodeBody(around(int32.until(1)), 2, { it: 1 }), /it does not exist in version 2/);
    assert.equal(hex(encodeBody(around(int32.since(1).ignorable()), 0, { it: 1 })), "");
    assert.equal(hex(encodeBody(around(int32.since(1).default(-1)), 0, { it: -1 })), "");
    assert.deepEqual(decodeBody(around(int32.since(1).default(-1)), 0, fromHex("")), { it: -1 });
  });

  test("what is left out is written as its default", () => {
    const given = around(int32.default(7));
    assert.deepEqual(decodeBody(given, 0, encodeBody(given, 0, {})), { it: 7 });
    const standards: [Field<unknown>, unknown][] = [
      [boolean, false],
      [int64, 0],
      [uint16, 0],
      [uint32, 0],
      [float64, 0],
      [uuid, ZERO_UUID],
      [string, ""],
      [bytes, new Uint8Array(0)],
      [array(string), []],
      [string.nullable().default(null), null],
      [struct<{ readonly a: number }>({ a: int8.default(3) }), { a: 3 }],
    ];
    for (const [field, standard] of standards) {
      for (const version of [0, FLEXIBLE]) {
        assert.deepEqual(decodeBody(around(field), version, encodeBody(around(field), version, {})), { it: standard });
      }
    }
  });

  test("tagged fields are written in the order of their tags, and only where they are not the default", () => {
    const sample = message(
      struct<{ readonly b: number; readonly a: string; readonly plain: number }>({
        b: int32.tagged(5, 2).default(-1),
        a: string.tagged(1, 2),
        plain: int8,
      }),
      "Sample",
      { versions: [0, 3], flexibleSince: FLEXIBLE },
    );
    assert.equal(hex(encodeBody(sample, 2, { plain: 1 })), "0100");
    assert.equal(hex(encodeBody(sample, 2, { plain: 1, b: -1, a: "" })), "0100");
    assert.equal(hex(encodeBody(sample, 2, { plain: 1, b: 4, a: "x" })), `0102${"01020278"}${"050400000004"}`);
    assert.deepEqual(decodeBody(sample, 2, fromHex("010201020278050400000004")), { b: 4, a: "x", plain: 1 });
    assert.throws(() => encodeBody(sample, 1, { a: "x" }), /a does not exist in version 1/);
  });

  test("a tagged field of another size than it says is refused, and an unknown one is skipped by its size", () => {
    const sample = around(int32.tagged(0, 2));
    assert.deepEqual(decodeBody(sample, 2, fromHex("02000400000009070401020304")), { it: 9 });
    assert.throws(
      () => decodeBody(sample, 2, fromHex("0100050000000900")),
      /tagged field it is not the 5 bytes it says/,
    );
    assert.throws(() => decodeBody(sample, 2, fromHex("010003000000")), { name: "DecodeError" });
    assert.throws(() => decodeBody(sample, 2, fromHex("01077f0102")), /127 bytes wanted/);
  });

  test("a count or length beyond the frame is refused before anything is allocated", () => {
    assert.throws(() => decodeBody(around(array(int8)), 0, fromHex("7fffffff0102")), /2147483647 elements in 2 bytes/);
    assert.throws(
      () => decodeBody(around(array(int8)), 2, fromHex("ffffffff0f0102")),
      /4294967294 elements in 2 bytes/,
    );
    assert.throws(() => decodeBody(around(bytes), 0, fromHex("7fffffff0102")), /2147483647 bytes wanted/);
    assert.throws(() => decodeBody(around(array(int8)), 0, fromHex("fffffffe")), /length -2/);
  });

  test("a string is refused where it is none, or too long for its length to be written", () => {
    assert.throws(() => encodeBody(around(string), 0, { it: 5 as never }), /number where a string belongs/);
    assert.throws(() => encodeBody(around(string), 0, { it: "é".repeat(16384) }), /a string of 32768 bytes/);
    assert.equal(encodeBody(around(string), 0, { it: "x".repeat(32767) }).length, 32769);
  });

  test("bytes may be a source that writes itself", () => {
    const source = { byteLength: 3, writeTo: (target: Uint8Array, at: number) => target.fill(6, at, at + 3) };
    assert.equal(hex(encodeBody(around(bytes), 0, { it: source as never })), "00000003060606");
    assert.equal(hex(encodeBody(around(bytes), 2, { it: source as never })), "0406060600");
  });
});
