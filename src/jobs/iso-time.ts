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

const LENGTH = 24;
const TEMPLATE = "0000-00-00T00:00:00.000Z";
const decoder = new TextDecoder();

/** Milliseconds since 1970 of a time in ISO 8601; NaN: it is none. The form that {@link isoTime} writes is read without making text. */
export function readIsoTime(bytes: Uint8Array): number {
  return isPlain(bytes) ? timeOf(bytes) : Date.parse(decoder.decode(bytes));
}

function isPlain(bytes: Uint8Array): boolean {
  if (bytes.length !== LENGTH) return false;
  for (let i = 0; i < LENGTH; i++) {
    const [code, wanted] = [bytes[i]!, TEMPLATE.charCodeAt(i)];
    if (wanted === 0x30 ? code < 0x30 || code > 0x39 : code !== wanted) return false;
  }
  return true;
}

function timeOf(bytes: Uint8Array): number {
  const [year, month, day] = [number(bytes, 0, 4), number(bytes, 5, 2), number(bytes, 8, 2)];
  const [hour, minute, second] = [number(bytes, 11, 2), number(bytes, 14, 2), number(bytes, 17, 2)];
  const isTime = hour < 24 && minute < 60 && second < 60 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
  // Date.UTC takes years below 100 for those of the last century.
  if (!isTime || year < 100) return Date.parse(decoder.decode(bytes));
  const time = Date.UTC(year, month - 1, day, hour, minute, second, number(bytes, 20, 3));
  return new Date(time).getUTCDate() === day ? time : Number.NaN;
}

function number(bytes: Uint8Array, at: number, digits: number): number {
  let value = 0;
  for (let i = at; i < at + digits; i++) value = value * 10 + bytes[i]! - 0x30;
  return value;
}
