import { copyBytes, copyMatch } from "./byte-copy.ts";
import { DecodeError } from "./reader.ts";

const MIN_MATCH = 4;

/**
 * The decompressed size of the block in `bytes[start, end)`, found by going through its lengths alone: output is then
 * allocated once, exactly, and never for a bomb. A block that is cut short is refused.
 */
export function lz4BlockLength(bytes: Uint8Array, start: number, end: number): number {
  let from = start;
  let total = 0;
  while (from < end) {
    const token = bytes[from++]!;
    let literals = token >> 4;
    if (literals === 15) {
      for (let more = 255; more === 255 && from < end; literals += more) more = bytes[from++]!;
    }
    from += literals;
    total += literals;
    if (from === end) return total;
    from += 2;
    let length = (token & 15) + MIN_MATCH;
    if (length === 15 + MIN_MATCH) {
      for (let more = 255; more === 255 && from < end; length += more) more = bytes[from++]!;
    }
    total += length;
  }
  // Every block ends with literals, if only none of them: bytes that stop after a match were cut there.
  throw new DecodeError("lz4 block is cut short");
}

/**
 * Decompresses a block that {@link lz4BlockLength} has measured to `out[at]`, which has room for it, and returns where
 * it ends. Matches may reach back to `history`: the frame's beginning where blocks depend on each other, else `at`.
 */
export function readLz4Block(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  at: number,
  history: number,
): number {
  let from = start;
  let to = at;
  for (;;) {
    const token = bytes[from++]!;
    let literals = token >> 4;
    if (literals === 15) {
      for (let more = 255; more === 255; literals += more) more = bytes[from++]!;
    }
    copyBytes(out, to, bytes, from, literals);
    from += literals;
    to += literals;
    if (from >= end) return to;
    const distance = bytes[from]! | (bytes[from + 1]! << 8);
    from += 2;
    let length = (token & 15) + MIN_MATCH;
    if (length === 15 + MIN_MATCH) {
      for (let more = 255; more === 255; length += more) more = bytes[from++]!;
    }
    if (distance === 0 || distance > to - history) throw new DecodeError(`lz4 match from ${distance} bytes back`);
    copyMatch(out, to, distance, length);
    to += length;
  }
}
