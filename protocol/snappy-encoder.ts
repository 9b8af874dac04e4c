import { copyBytes } from "./byte-copy.ts";
import { findMatches, MATCH_FIELDS, MATCH_WINDOW, matches } from "./match-finder.ts";

/** The low two bits of a Snappy tag. */
const LITERAL = 0;
const COPY_1 = 1;
const COPY_2 = 2;

/** The most bytes that a block of `length` bytes takes. */
export function snappyBlockBound(length: number): number {
  return 32 + length + Math.ceil(length / 6);
}

/** Writes `bytes[start, end)` as a raw block at `out[at]`, which has room for the bound, and returns its end. */
export function writeSnappyBlock(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  out: Uint8Array,
  at: number,
): number {
  let to = writeLength(out, at, end - start);
  for (let from = start; from < end; from += MATCH_WINDOW) {
    to = writeFragment(bytes, view, from, Math.min(end, from + MATCH_WINDOW), out, to);
  }
  return to;
}

function writeFragment(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  out: Uint8Array,
  at: number,
): number {
  const filled = findMatches(bytes, view, start, end);
  let from = start;
  let to = at;
  for (let i = 0; i < filled; i += MATCH_FIELDS) {
    const literals = matches[i]!;
    const length = matches[i + 1]!;
    if (literals > 0) to = writeLiterals(bytes, from, literals, out, to);
    to = writeCopies(length, matches[i + 2]!, out, to);
    from += literals + length;
  }
  return from < end ? writeLiterals(bytes, from, end - from, out, to) : to;
}

function writeLiterals(bytes: Uint8Array, from: number, length: number, out: Uint8Array, at: number): number {
  let to = at;
  const code = length - 1;
  if (code < 60) {
    out[to++] = (code << 2) | LITERAL;
  } else if (code < 0x100) {
    out[to++] = (60 << 2) | LITERAL;
    out[to++] = code;
  } else {
    out[to++] = (61 << 2) | LITERAL;
    out[to++] = code;
    out[to++] = code >> 8;
  }
  copyBytes(out, to, bytes, from, length);
  return to + length;
}

/** One match as copies of at most 64 bytes, the last never under four: the short form begins there. */
function writeCopies(length: number, distance: number, out: Uint8Array, at: number): number {
  let to = at;
  let left = length;
  while (left > 64) {
    const part = left < 68 ? 60 : 64;
    to = writeLongCopy(part, distance, out, to);
    left -= part;
  }
  if (left > 11 || distance > 0x7ff) return writeLongCopy(left, distance, out, to);
  out[to] = ((distance >> 8) << 5) | ((left - 4) << 2) | COPY_1;
  out[to + 1] = distance;
  return to + 2;
}

function writeLongCopy(length: number, distance: number, out: Uint8Array, at: number): number {
  out[at] = ((length - 1) << 2) | COPY_2;
  out[at + 1] = distance;
  out[at + 2] = distance >> 8;
  return at + 3;
}

function writeLength(out: Uint8Array, at: number, length: number): number {
  let to = at;
  let left = length;
  for (; left > 0x7f; left >>>= 7) out[to++] = left | 0x80;
  out[to++] = left;
  return to;
}
