const PRIME_1 = 0x9e3779b1 | 0;
const PRIME_2 = 0x85ebca77 | 0;
const PRIME_3 = 0xc2b2ae3d | 0;
const PRIME_4 = 0x27d4eb2f | 0;
const PRIME_5 = 0x165667b1 | 0;

/** The XXH32 of `bytes[start, end)`, seed 0, unsigned: what LZ4 frames carry as checksums. */
export function xxhash32(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, length);
  const stripesEnd = length & ~15;
  let hash = length < 16 ? PRIME_5 : overStripes(view, stripesEnd);
  hash = (hash + length) | 0;
  let i = stripesEnd;
  for (; i + 4 <= length; i += 4) {
    hash = Math.imul(rotate(hash + Math.imul(view.getInt32(i, true), PRIME_3), 17), PRIME_4);
  }
  for (; i < length; i++) hash = Math.imul(rotate(hash + Math.imul(view.getUint8(i), PRIME_5), 11), PRIME_1);
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2);
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function overStripes(view: DataView, end: number): number {
  let a = (PRIME_1 + PRIME_2) | 0;
  let b = PRIME_2;
  let c = 0;
  let d = -PRIME_1 | 0;
  for (let i = 0; i < end; i += 16) {
    a = round(a, view.getInt32(i, true));
    b = round(b, view.getInt32(i + 4, true));
    c = round(c, view.getInt32(i + 8, true));
    d = round(d, view.getInt32(i + 12, true));
  }
  return (rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)) | 0;
}

function round(lane: number, word: number): number {
  return Math.imul(rotate(lane + Math.imul(word, PRIME_2), 13), PRIME_1);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
