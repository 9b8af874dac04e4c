/** From this length on, the engine's own copy is worth its call. */
const BULK_FROM = 32;

/** An overlapping copy takes several calls, so it has to be longer. */
const OVERLAPPING_BULK_FROM = 256;

/** Copies `length` bytes between two arrays. */
export function copyBytes(target: Uint8Array, at: number, source: Uint8Array, from: number, length: number): void {
  if (length >= BULK_FROM) {
    target.set(source.subarray(from, from + length), at);
    return;
  }
  for (let i = 0; i < length; i++) target[at + i] = source[from + i]!;
}

/** All of them, one after the other, in one array. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * Writes `length` bytes at `at` that repeat what stands `distance` before. Where the two overlap the bytes just
 * written are read again, as LZ4 and Snappy want it: `copyWithin` alone would copy the old ones.
 */
export function copyMatch(bytes: Uint8Array, at: number, distance: number, length: number): void {
  if (length < BULK_FROM || (distance < length && length < OVERLAPPING_BULK_FROM)) {
    const end = at + length;
    for (let i = at, from = at - distance; i < end; i++, from++) bytes[i] = bytes[from]!;
    return;
  }
  const from = at - distance;
  let copied = 0;
  // All bytes from `from` on repeat with period `distance`, so each round may copy as much as stands there.
  for (let ready = distance; copied < length; ready = distance + copied) {
    const part = Math.min(ready, length - copied);
    bytes.copyWithin(at + copied, from, from + part);
    copied += part;
  }
}
