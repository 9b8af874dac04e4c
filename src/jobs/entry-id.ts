/** A UUID is so long as text, in which these places have a dash. */
const LENGTH = 36;
const DASH = 0x2d;
const HEX = "0123456789abcdef";
const DIGITS: Int8Array = new Int8Array(128).fill(-1);
for (let i = 0; i < HEX.length; i++) DIGITS[HEX.charCodeAt(i)] = i;

function isDash(at: number): boolean {
  return at === 8 || at === 13 || at === 18 || at === 23;
}

/**
 * Reads the key of an entry, a UUID as lower-case text from `from` up to `to`, into four 32-bit parts. False: it is none. Upper case is none
 * either: the same entry would have several keys.
 */
export function readEntryId(bytes: Uint8Array, into: Int32Array, from = 0, to: number = bytes.length): boolean {
  if (to - from !== LENGTH) return false;
  let digits = 0;
  let part = 0;
  for (let at = 0; at < LENGTH; at++) {
    const code = bytes[from + at]!;
    if (isDash(at)) {
      if (code !== DASH) return false;
      continue;
    }
    const digit = code < 128 ? DIGITS[code]! : -1;
    if (digit < 0) return false;
    part = (part << 4) | digit;
    digits++;
    if ((digits & 7) === 0) into[(digits >> 3) - 1] = part;
  }
  return true;
}

/** The text of an id that {@link readEntryId} has read to `at` and the three places after it. */
export function entryIdText(ids: Int32Array, at: number): string {
  let hex = "";
  for (let i = 0; i < 4; i++) hex += (ids[at + i]! >>> 0).toString(16).padStart(8, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
