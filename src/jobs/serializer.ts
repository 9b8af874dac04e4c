import { PayloadError, UnreadableRecordError } from "./errors.ts";
import { checkPayload } from "./payload.ts";

/** How payloads become the values of records and back. Every process of an app must use the same one. */
export interface Serializer {
  /** The record's value. Throws where the payload cannot be written. */
  encode(payload: unknown): string | Uint8Array;
  /** The payload of a value that `encode`, here or elsewhere, gave. Throws where the bytes are something else. */
  decode(value: Uint8Array<ArrayBuffer>): unknown;
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** JSON in UTF-8 and nothing around it, so that any language can enqueue and read. */
export const jsonSerializer: Serializer = {
  encode: (payload) => JSON.stringify(payload),
  decode: (value) => JSON.parse(decoder.decode(value)),
};

/** A payload as it goes into a record. */
export interface EncodedPayload {
  readonly value: string | Uint8Array;
  /** The payload is undefined, which no serializer can be expected to write: the value is that of null, and a header says so. */
  readonly isVoid: boolean;
}

/**
 * Writes a payload. `checked`: what JSON would change or lose is refused with its path; without it (a schema judges
 * what comes out, or the serializer is the user's own) only what cannot be written at all is.
 */
export function encodePayload(serializer: Serializer, payload: unknown, checked: boolean): EncodedPayload {
  const isVoid = payload === undefined;
  if (checked && !isVoid) checkPayload(payload);
  try {
    const value = serializer.encode(isVoid ? null : payload);
    // JSON.stringify gives undefined, not an error, for a function or a symbol.
    if (typeof value === "string" || value instanceof Uint8Array) return { value, isVoid };
  } catch (error) {
    throw new PayloadError("payload", `cannot be written: ${messageOf(error)}`, error);
  }
  throw new PayloadError("payload", `cannot be written: the serializer gives nothing for a ${typeof payload}`);
}

/** Reads a payload. Throws an {@link UnreadableRecordError} where the value is not what the serializer writes. */
export function decodePayload(serializer: Serializer, value: Uint8Array | null, isVoid: boolean): unknown {
  if (isVoid) return undefined;
  if (value === null) throw new UnreadableRecordError("the record has no value");
  try {
    return serializer.decode(value as Uint8Array<ArrayBuffer>);
  } catch (error) {
    const what = serializer === jsonSerializer ? "JSON in UTF-8" : "what the app's serializer reads";
    throw new UnreadableRecordError(`the value (${value.length} bytes) is not ${what}: ${messageOf(error)}`, error);
  }
}

/** The payload as a worker will read it. */
export function roundTrip(serializer: Serializer, { value, isVoid }: EncodedPayload): unknown {
  if (isVoid) return undefined;
  if (serializer === jsonSerializer) return JSON.parse(value as string);
  return decodePayload(serializer, typeof value === "string" ? new TextEncoder().encode(value) : value, false);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
