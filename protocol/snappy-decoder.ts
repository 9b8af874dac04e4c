import { copyBytes, copyMatch } from "./byte-copy.ts";
import { DecodeError } from "./reader.ts";

/** The low two bits of a Snappy tag. */
const LITERAL = 0;
const COPY_1 = 1;
const COPY_2 = 2;

/** A three-byte copy gives 64 bytes: no Snappy data grows more than this, so a claim beyond it is a lie. */
const MAX_GROWTH = 22;

/** The decompressed size that the block in `bytes[start, end)` claims, refused where so few bytes cannot hold it. */
export function snappyBlockLength(bytes: Uint8Array, start: number, end: number): number {
  let length = 0;
  let scale = 1;
  for (let i = start; i < end && i < start + 5; i++) {
    const byte = bytes[i]!;
    length += (byte & 0x7f) * scale;
    scale *= 128;
    if (byte < 0x80) {
      if (length <= (end - start) * MAX_GROWTH) return length;
      throw new DecodeError(`snappy block of ${end - start} bytes claims to hold ${length}`);
    }
  }
  throw new DecodeError("snappy block has no valid length in front");
}

/** Decompresses the block in `bytes[start, end)` to `out[at]`, which has room for its length. Returns where it ends. */
export function readSnappyBlock(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  const outEnd = at + snappyBlockLength(bytes, start, end);
  let from = start;
  while (bytes[from++]! >= 0x80);
  let to = at;
  while (from < end) {
    const tag = bytes[from++]!;
    const kind = tag & 3;
    let length = (tag >> 2) + 1;
    if (kind === LITERAL) {
      if (length > 60) {
        const width = length - 60;
        if (width > end - from) throw truncated();
        length = littleEndian(bytes, from, width) + 1;
        from += width;
      }
      if (length > end - from) throw truncated();
      if (length > outEnd - to) throw tooLong();
      copyBytes(out, to, bytes, from, length);
      from += length;
    } else {
      const width = kind === COPY_1 ? 1 : kind === COPY_2 ? 2 : 4;
      if (width > end - from) throw truncated();
      let distance = littleEndian(bytes, from, width);
      from += width;
      if (kind === COPY_1) {
        distance |= (tag >> 5) << 8;
        length = ((tag >> 2) & 7) + 4;
      }
      if (distance === 0 || distance > to - at) throw new DecodeError(`snappy copy from ${distance} bytes back`);
      if (length > outEnd - to) throw tooLong();
      copyMatch(out, to, distance, length);
    }
    to += length;
  }
  if (to !== outEnd) throw new DecodeError(`snappy block ends ${outEnd - to} bytes short of its length`);
  return to;
}

function littleEndian(bytes: Uint8Array, at: number, width: number): number {
  let value = bytes[at]!;
  if (width > 1) value |= bytes[at + 1]! << 8;
  if (width > 2) value |= bytes[at + 2]! << 16;
  return width > 3 ? value + bytes[at + 3]! * 0x100_0000 : value;
}

function truncated(): DecodeError {
  return new DecodeError("snappy block is cut short");
}

function tooLong(): DecodeError {
  return new DecodeError("snappy block holds more than its length");
}
