import { copyBytes } from "./byte-copy.ts";
import { findMatches, MATCH_FIELDS, matches } from "./match-finder.ts";

const MIN_MATCH = 4;

/** The most bytes that a block of `length` bytes takes: one byte more for every 255 literals. */
export function lz4BlockBound(length: number): number {
  return length + Math.ceil(length / 255) + 16;
}

/**
 * Writes `bytes[start, end)`, at most one match window, as a block that refers to nothing before it, at `out[at]`,
 * which has room for the bound. Returns where it ends.
 */
export function writeLz4Block(
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
    const distance = matches[i + 2]!;
    const extra = length - MIN_MATCH;
    const token = to++;
    out[token] = (Math.min(literals, 15) << 4) | Math.min(extra, 15);
    if (literals >= 15) to = writeExcess(literals - 15, out, to);
    copyBytes(out, to, bytes, from, literals);
    to += literals;
    out[to] = distance;
    out[to + 1] = distance >> 8;
    to += 2;
    if (extra >= 15) to = writeExcess(extra - 15, out, to);
    from += literals + length;
  }
  const literals = end - from;
  out[to++] = Math.min(literals, 15) << 4;
  if (literals >= 15) to = writeExcess(literals - 15, out, to);
  copyBytes(out, to, bytes, from, literals);
  return to + literals;
}

/** What of a length the token's four bits do not hold: bytes that add up, the last below 255. */
function writeExcess(excess: number, out: Uint8Array, at: number): number {
  let to = at;
  let left = excess;
  for (; left >= 255; left -= 255) out[to++] = 255;
  out[to] = left;
  return to + 1;
}
