import assert from "node:assert/strict";
import { DecodeError } from "../../protocol/reader.ts";

/** What lies before and after a frame in its buffer, and must never be seen. */
const AROUND = 64;

/** `bytes` in the middle of a buffer that is full of something else. */
export function surrounded(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const buffer = new Uint8Array(bytes.length + 2 * AROUND).fill(0xa5);
  buffer.set(bytes, AROUND);
  return buffer.subarray(AROUND, AROUND + bytes.length);
}

/** How many objects and bytes a decoded value is made of; views must lie within `frame`. */
function weigh(value: unknown, frame: Uint8Array): number {
  if (value instanceof Uint8Array) {
    const isInside =
      value.buffer !== frame.buffer ||
      (value.byteOffset >= frame.byteOffset && value.byteOffset + value.length <= frame.byteOffset + frame.length) ||
      value.length === 0;
    assert.ok(isInside, "a view beyond the frame");
    return value.length;
  }
  if (typeof value === "string") return value.length;
  if (value === null || typeof value !== "object") return 1;
  return Object.values(value).reduce((sum: number, inner) => sum + weigh(inner, frame), 1);
}

/** A value, or undefined for a DecodeError; within the frame and without more than it can hold. */
export function attack<T>(frame: Uint8Array, decode: (frame: Uint8Array<ArrayBuffer>) => T): T | undefined {
  const attacked = surrounded(frame);
  let value: T;
  try {
    value = decode(attacked);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
  // A struct of some fields may be of defaults alone where its bytes are few; its fields are counted with it.
  assert.ok(weigh(value, attacked) <= 64 * frame.length + 1_000, `${frame.length} bytes became too much`);
  return value;
}
