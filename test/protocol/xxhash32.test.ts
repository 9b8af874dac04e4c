import { strict as assert } from "node:assert";
import { describe, test } from "node:test";
import { xxhash32 } from "../../protocol/xxhash32.ts";
import { sampleBytes } from "../support/byte-samples.ts";

const M = 0xffffffffn;
const [P1, P2, P3, P4, P5] = [0x9e3779b1n, 0x85ebca77n, 0xc2b2ae3dn, 0x27d4eb2fn, 0x165667b1n];
const rotl = (value: bigint, bits: bigint): bigint => ((value << bits) | ((value & M) >> (32n - bits))) & M;

/** The published definition on unbounded integers. */
function definition(bytes: Uint8Array): bigint {
  const word = (at: number): bigint => BigInt(Buffer.from(bytes).readUInt32LE(at));
  const lanes = [(P1 + P2) & M, P2, 0n, -P1 & M];
  let at = 0;
  for (; bytes.length - at >= 16; at += 16) {
    for (let i = 0; i < 4; i++) lanes[i] = (rotl((lanes[i]! + word(at + 4 * i) * P2) & M, 13n) * P1) & M;
  }
  const [a, b, c, d] = lanes as [bigint, bigint, bigint, bigint];
  let hash = at === 0 ? P5 : rotl(a, 1n) + rotl(b, 7n) + rotl(c, 12n) + rotl(d, 18n);
  hash = (hash + BigInt(bytes.length)) & M;
  for (; bytes.length - at >= 4; at += 4) hash = (rotl((hash + word(at) * P3) & M, 17n) * P4) & M;
  for (; at < bytes.length; at++) hash = (rotl((hash + BigInt(bytes[at]!) * P5) & M, 11n) * P1) & M;
  hash = ((hash ^ (hash >> 15n)) * P2) & M;
  hash = ((hash ^ (hash >> 13n)) * P3) & M;
  return hash ^ (hash >> 16n);
}

describe("xxhash32", () => {
  test("xxhash32 gives the published values", () => {
    const of = (text: string): string => {
      const bytes = new TextEncoder().encode(text);
      return xxhash32(bytes, 0, bytes.length).toString(16);
    };
    assert.equal(of(""), "2cc5d05");
    assert.equal(of("a"), "550d7456");
    assert.equal(of("abc"), "32d153ff");
    assert.equal(of("Nobody inspects the spammish repetition"), "e2293b2f");
  });

  test("xxhash32 follows its definition for every length and place", () => {
    const bytes = sampleBytes(200, 1, 256);
    for (let length = 0; length <= 150; length++) {
      const start = length % 7;
      const expected = Number(definition(bytes.subarray(start, start + length)));
      assert.equal(xxhash32(bytes, start, start + length), expected, `${length} bytes`);
    }
  });
});
