import { monthLength } from "./month-length.ts";

let lastTime = Number.NaN;
let lastText = "";

/** A time (ms since 1970) in ISO 8601. Many enqueues share a millisecond, and making the text takes longer than the rest of the headers. */
export function isoTime(ms: number): string {
  if (ms !== lastTime) {
    lastText = new Date(ms).toISOString();
    lastTime = ms;
  }
  return lastText;
}

/** Milliseconds from 1970 to the last Date that there can be, and to the first. */
const FARTHEST = 8.64e15;

/** The time of a record (ms since 1970) as a Date. Its producer may have given any: beyond all Dates it is the last, or the first. */
export function dateOf(ms: number): Date {
  return new Date(Math.min(FARTHEST, Math.max(-FARTHEST, ms)));
}

const LENGTH = 24;
const TEMPLATE = "0000-00-00T00:00:00.000Z";
const ZERO = 0x30;
const decoder = new TextDecoder();

/**
 * Milliseconds since 1970 of a time in ISO 8601, in `bytes` from `from` up to `to`; NaN: it is none. The form that
 * {@link isoTime} writes is read without making text.
 */
export function readIsoTime(bytes: Uint8Array, from = 0, to: number = bytes.length): number {
  const plain = to - from === LENGTH && isPlain(bytes, from) ? plainTime(bytes, from) : undefined;
  return plain ?? Date.parse(decoder.decode(bytes.subarray(from, to)));
}

function isPlain(bytes: Uint8Array, from: number): boolean {
  for (let i = 0; i < LENGTH; i++) {
    const code = bytes[from + i]!;
    const wanted = TEMPLATE.charCodeAt(i);
    if (wanted === ZERO ? code < ZERO || code > ZERO + 9 : code !== wanted) return false;
  }
  return true;
}

/** Undefined: what is special about it is for the runtime to know. */
function plainTime(bytes: Uint8Array, from: number): number | undefined {
  const year = number(bytes, from, 4);
  const month = number(bytes, from + 5, 2);
  const day = number(bytes, from + 8, 2);
  const hour = number(bytes, from + 11, 2);
  const minute = number(bytes, from + 14, 2);
  const second = number(bytes, from + 17, 2);
  // Runtimes would let it run over into the next month.
  if (day > monthLength(year, month - 1)) return Number.NaN;
  const isTime = hour < 24 && minute < 60 && second < 60 && month >= 1 && month <= 12 && day >= 1;
  // Date.UTC takes years below 100 for those of the last century.
  if (!isTime || year < 100) return undefined;
  return Date.UTC(year, month - 1, day, hour, minute, second, number(bytes, from + 20, 3));
}

function number(bytes: Uint8Array, at: number, digits: number): number {
  let value = 0;
  for (let i = at; i < at + digits; i++) value = value * 10 + bytes[i]! - ZERO;
  return value;
}
