import type { Api } from "./api.ts";
import type { Draft } from "./field.ts";
import { DecodeError, Reader } from "./reader.ts";
import { encodeUtf8 } from "./utf8.ts";
import { Writer } from "./writer.ts";

const API_VERSIONS = 18;

/** The header of a request, as a broker sees it. */
export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
}

/**
 * A whole request frame, its size first. `bodySize` is the expected size of the body in bytes: with a good one, the
 * frame is built in a single buffer.
 */
export function encodeRequest<Request, Response>(
  api: Api<Request, Response>,
  version: number,
  correlationId: number,
  clientId: string | null,
  body: Draft<Request>,
  bodySize = 192,
): Uint8Array<ArrayBuffer> {
  const writer = new Writer(64 + bodySize);
  writeRequest(writer, api, version, correlationId, clientId, body);
  return seal(writer);
}

/** A whole frame, in parts that follow one another. */
export type FrameParts = readonly Uint8Array[];

/** The same frame in parts: long bytes of the body are not copied, and must not change until the frame has been sent. */
export function encodeRequestParts<Request, Response>(
  api: Api<Request, Response>,
  version: number,
  correlationId: number,
  clientId: string | null,
  body: Draft<Request>,
  bodySize = 192,
): FrameParts {
  const writer = new Writer(64 + bodySize, true);
  writeRequest(writer, api, version, correlationId, clientId, body);
  const parts = writer.parts();
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  new DataView(writer.bytes.buffer).setInt32(0, size - 4);
  return parts;
}

function writeRequest<Request, Response>(
  writer: Writer,
  api: Api<Request, Response>,
  version: number,
  correlationId: number,
  clientId: string | null,
  body: Draft<Request>,
): void {
  writer.int32(0);
  writer.int16(api.key);
  writer.int16(version);
  writer.int32(correlationId);
  writeClientId(writer, clientId);
  // Header v2 adds tagged fields, but its client id stays in the old form.
  if (version >= api.flexibleSince) writer.uvarint(0);
  api.request.encode(writer, version, body);
}

/** Reads a request's header and leaves `reader` at the body. `flexibleSince` gives an API's first flexible version. */
export function decodeRequestHeader(reader: Reader, flexibleSince: (apiKey: number) => number): RequestHeader {
  const apiKey = reader.int16();
  const apiVersion = reader.int16();
  const correlationId = reader.int32();
  const length = reader.int16();
  const clientId = length < 0 ? null : reader.utf8(length);
  if (apiVersion >= flexibleSince(apiKey)) skipTagged(reader);
  return { apiKey, apiVersion, correlationId, clientId };
}

/** A whole response frame, its size first. */
export function encodeResponse<Request, Response>(
  api: Api<Request, Response>,
  version: number,
  correlationId: number,
  body: Draft<Response>,
  bodySize = 192,
): Uint8Array<ArrayBuffer> {
  const writer = new Writer(16 + bodySize);
  writer.int32(0);
  writer.int32(correlationId);
  if (hasFlexibleResponseHeader(api, version)) writer.uvarint(0);
  api.response.encode(writer, version, body);
  return seal(writer);
}

/** The correlation id of a response frame (without its size). */
export function correlationIdOf(frame: Uint8Array): number {
  return new Reader(frame).int32();
}

/** Reads a response frame (without its size); bytes left over are an error. */
export function decodeResponse<Request, Response>(
  api: Api<Request, Response>,
  version: number,
  frame: Uint8Array,
): Response {
  const reader = new Reader(frame, 4);
  if (hasFlexibleResponseHeader(api, version)) skipTagged(reader);
  const body = api.response.decode(reader, version);
  expectEnd(reader, `${api.name} response v${version}`);
  return body;
}

/** Throws where bytes are left over: the sender and we do not mean the same message. */
export function expectEnd(reader: Reader, what: string): void {
  if (reader.remaining > 0) throw new DecodeError(`${what}: ${reader.remaining} bytes left over`);
}

/** ApiVersions answers with header v0 at every version: its client may not know the version yet (KIP-511). */
function hasFlexibleResponseHeader(api: { key: number; flexibleSince: number }, version: number): boolean {
  return api.key !== API_VERSIONS && version >= api.flexibleSince;
}

function skipTagged(reader: Reader): void {
  const count = reader.uvarint();
  for (let i = 0; i < count; i++) {
    reader.uvarint();
    reader.take(reader.uvarint());
  }
}

function writeClientId(writer: Writer, clientId: string | null): void {
  if (clientId === null) return writer.int16(-1);
  const text = encodeUtf8(clientId);
  writer.int16(text.length);
  writer.raw(text);
}

function seal(writer: Writer): Uint8Array<ArrayBuffer> {
  const frame = writer.finish();
  new DataView(frame.buffer).setInt32(0, frame.length - 4);
  return frame;
}

const SIZE_BYTES = 4;
/** A frame's memory is taken at once when so large a part of it has come: a size alone, which may be a lie, takes none. */
const BELIEVED_PART = 1 / 8;

/**
 * Cuts a byte stream into frames. Each frame has memory of its own, into which each byte is copied once, as it comes: a
 * chunk that has just been read is still in the processor's cache, and its memory is free for the next.
 */
export class FrameSplitter {
  readonly #maxFrameBytes: number;
  readonly #size = new Uint8Array(SIZE_BYTES);
  #sizeFilled = 0;
  /** What came of a frame before it was given its memory. */
  #early: Uint8Array[] = [];
  #frame: Uint8Array | undefined;
  #filled = 0;

  /** `maxFrameBytes`: the largest size believed. Beyond it the other side is not speaking Kafka. */
  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Adds a chunk, of which nothing is kept, and returns the frames it completes, without their sizes. */
  push(chunk: Uint8Array): Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (let at = 0; at < chunk.length; ) {
      if (this.#sizeFilled < SIZE_BYTES) at += this.#fillSize(chunk, at);
      if (this.#sizeFilled < SIZE_BYTES) break;
      at += this.#fillFrame(chunk, at);
      const frame = this.#frame;
      if (frame === undefined || this.#filled < frame.length) continue;
      frames.push(frame);
      this.#frame = undefined;
      this.#filled = 0;
      this.#sizeFilled = 0;
    }
    return frames;
  }

  #fillSize(chunk: Uint8Array, at: number): number {
    const part = chunk.subarray(at, at + SIZE_BYTES - this.#sizeFilled);
    this.#size.set(part, this.#sizeFilled);
    this.#sizeFilled += part.length;
    return part.length;
  }

  #fillFrame(chunk: Uint8Array, at: number): number {
    const size = this.#frame?.length ?? this.#believedSize();
    const part = chunk.subarray(at, at + size - this.#filled);
    if (this.#frame === undefined && this.#filled + part.length < size * BELIEVED_PART) this.#early.push(part.slice());
    else {
      this.#frame ??= this.#begin(size);
      this.#frame.set(part, this.#filled);
    }
    this.#filled += part.length;
    return part.length;
  }

  #begin(size: number): Uint8Array {
    const frame = new Uint8Array(size);
    let at = 0;
    for (const part of this.#early) {
      frame.set(part, at);
      at += part.length;
    }
    this.#early = [];
    return frame;
  }

  #believedSize(): number {
    const size = new Reader(this.#size).int32();
    if (size < 0 || size > this.#maxFrameBytes) {
      throw new DecodeError(
        `a frame of ${size} bytes (at most ${this.#maxFrameBytes} are believed): this is not Kafka`,
      );
    }
    return size;
  }
}
