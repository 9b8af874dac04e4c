import { strict as assert } from "node:assert";
import fc from "fast-check";

/** A seeded sequence of bytes: xorshift, so that a sample is the same on every runtime. */
function sequence(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 255;
  };
}

/**
 * `length` bytes of which `noise` in 256 are random and the others repeat what stood `period` before: from plain
 * repetition (0) to what no codec makes smaller (256). They begin at an odd place of their buffer.
 */
export function sampleBytes(length: number, period: number, noise: number, seed = 1): Uint8Array {
  const next = sequence(seed);
  const bytes = new Uint8Array(length + 3).subarray(3);
  for (let i = 0; i < length; i++) bytes[i] = i >= period && next() >= noise ? bytes[i - period]! : next();
  return bytes;
}

/** Samples of 0 to `maxLength` bytes, small ones as likely as large ones. */
export function samples(maxLength: number): fc.Arbitrary<Uint8Array> {
  const length = fc.oneof(fc.nat(80), fc.nat(5000), fc.nat(maxLength));
  return fc
    .tuple(length, fc.integer({ min: 1, max: 3000 }), fc.constantFrom(0, 4, 40, 256), fc.integer())
    .map(([bytes, period, noise, seed]) => sampleBytes(bytes, period, noise, seed));
}

/** What happens to bytes on a bad day: cut at the end, bits turned, bytes replaced, a piece lost. */
export interface Damage {
  readonly cut: number;
  readonly turned: readonly (readonly [at: number, bit: number])[];
  readonly replaced: readonly (readonly [at: number, byte: number])[];
  readonly lost: readonly [at: number, length: number];
}

/** Places are fractions of the length in 2^20ths, so that they fit bytes of any length. */
const place = fc.nat(0xfffff);

export const damages: fc.Arbitrary<Damage> = fc.record({
  cut: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: place }),
  turned: fc.array(fc.tuple(place, fc.nat(7)), { maxLength: 2 }),
  replaced: fc.array(fc.tuple(place, fc.nat(255)), { maxLength: 4 }),
  lost: fc.tuple(place, fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(20) })),
});

export function damaged(bytes: Uint8Array, { cut, turned, replaced, lost }: Damage): Uint8Array {
  const at = (fraction: number, length: number): number => Math.floor((fraction / 0x100000) * length);
  const kept = bytes.slice(0, bytes.length - at(cut, bytes.length + 1));
  for (const [where, bit] of turned) if (kept.length > 0) kept[at(where, kept.length)]! ^= 1 << bit;
  for (const [where, byte] of replaced) if (kept.length > 0) kept[at(where, kept.length)] = byte;
  const from = at(lost[0], kept.length);
  return Uint8Array.from([...kept.subarray(0, from), ...kept.subarray(from + lost[1])]);
}

/** Byte equality that names the first difference instead of printing both sides. */
export function assertSameBytes(actual: Uint8Array, expected: Uint8Array): void {
  assert.equal(actual.length, expected.length, "lengths differ");
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  assert.equal(at, -1, `bytes differ from ${at} on`);
}

export function concatBytes(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
