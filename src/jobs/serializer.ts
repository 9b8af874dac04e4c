import { PayloadError, UnreadableHereError, UnreadableRecordError } from "./errors.ts";
import { checkPayload } from "./payload.ts";
import { isPromise } from "./standard-schema.ts";

/** What a serializer writes; text is sent as UTF-8. */
export type SerializedPayload = string | Uint8Array;

/** How payloads become the values of records and back. Every process of an app must use the same one. */
export interface Serializer {
  /**
   * The record's value, or a promise of it: jobs keep the order of their calls all the same. What is taken from the
   * payload before the first `await` is as it was at the call. Throws, or rejects, where the payload cannot be written.
   */
  encode(payload: unknown): SerializedPayload | Promise<SerializedPayload>;
  /**
   * The payload of a value that `encode`, here or elsewhere, gave, or a promise of it. Throws, or rejects, where the
   * bytes are something else: the record is then unreadable for good. With an {@link UnreadableHereError}, workers wait
   * for a process that can read it. Messages get into logs and dead letters, so keep secrets out of them.
   */
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
  readonly value: SerializedPayload | Promise<SerializedPayload>;
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
  let written: unknown;
  try {
    written = serializer.encode(isVoid ? null : payload);
  } catch (error) {
    throw unwritable(error);
  }
  if (!isPromise(written)) return { value: checkWritten(written, payload), isVoid };
  const value = written.then(
    (settled) => checkWritten(settled, payload),
    (error: unknown) => {
      throw unwritable(error);
    },
  );
  return { value, isVoid };
}

function checkWritten(value: unknown, payload: unknown): SerializedPayload {
  // JSON.stringify gives undefined, not an error, for a function or a symbol.
  if (typeof value === "string" || value instanceof Uint8Array) return value;
  throw new PayloadError("payload", `cannot be written: the serializer gives nothing for a ${typeof payload}`);
}

function unwritable(error: unknown): PayloadError {
  return new PayloadError("payload", `cannot be written: ${messageOf(error)}`, error);
}

/**
 * Reads a payload: at once where the serializer does, else the result is a promise. An {@link UnreadableRecordError},
 * thrown or rejected with, says that the value is not what the serializer writes.
 */
export function decodePayload(serializer: Serializer, value: Uint8Array | null, isVoid: boolean): unknown {
  if (isVoid) return undefined;
  if (value === null) throw new UnreadableRecordError("the record has no value");
  try {
    const read = serializer.decode(value as Uint8Array<ArrayBuffer>);
    if (!isPromise(read)) return read;
    return read.then(undefined, (error: unknown) => {
      throw unreadable(serializer, value, error);
    });
  } catch (error) {
    throw unreadable(serializer, value, error);
  }
}

function unreadable(serializer: Serializer, { length }: Uint8Array, error: unknown): Error {
  if (error instanceof UnreadableHereError) return error;
  // Runtimes quote what they cannot parse: payloads must not get into logs.
  if (serializer === jsonSerializer)
    return new UnreadableRecordError(`the value (${length} bytes) is not JSON in UTF-8`);
  const what = "what the app's serializer reads";
  return new UnreadableRecordError(`the value (${length} bytes) is not ${what}: ${messageOf(error)}`, error);
}

/** The payload as a worker will read it, or a promise of it. */
export function roundTrip(serializer: Serializer, value: SerializedPayload, isVoid: boolean): unknown {
  if (isVoid) return undefined;
  if (serializer === jsonSerializer) return JSON.parse(value as string);
  return decodePayload(serializer, typeof value === "string" ? new TextEncoder().encode(value) : value, false);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
