import { CodecError } from "./codec-error.ts";
import type { ProducerId } from "./producer-id.ts";

/** A value that the wire format, or this version of a message, cannot hold. */
export class EncodeError extends CodecError {
  override readonly name = "EncodeError";
  readonly code = "ENCODE_ERROR";
}

/** Bytes that are written straight into a frame, so that a large body is never built twice. */
export interface ByteSource {
  readonly byteLength: number;
  /** Writes exactly `byteLength` bytes at `offset`. */
  writeTo(target: Uint8Array, offset: number): void;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** From this many bytes on, sending bytes from where they lie costs less than copying them into the frame. */
export const WORTH_GATHERING = 16_384;

/** Writes a frame into one buffer that doubles when it is full: give `capacity` where the size is known. */
export class Writer {
  bytes: Uint8Array<ArrayBuffer>;
  position = 0;
  #view: DataView;
  readonly #gathers: boolean;
  /** Long bytes that are not copied, and where in `bytes` they belong. */
  readonly #gathered: { readonly at: number; readonly bytes: Uint8Array }[] = [];

  /** `gathers`: long bytes are not copied but become {@link parts} of their own, and must not change afterwards. */
  constructor(capacity = 256, gathers = false) {
    this.bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.bytes.buffer);
    this.#gathers = gathers;
  }

  /** What has been written, a view of the buffer. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.position);
  }

  /** What has been written, in order, by a writer that gathers. */
  parts(): Uint8Array[] {
    const parts: Uint8Array[] = [];
    let from = 0;
    for (const { at, bytes } of this.#gathered) {
      parts.push(this.bytes.subarray(from, at), bytes);
      from = at;
    }
    parts.push(this.bytes.subarray(from, this.position));
    return parts.filter((part) => part.length > 0);
  }

  /** Moves past `length` bytes, making room for them, and returns where they begin. */
  reserve(length: number): number {
    const at = this.position;
    const needed = at + length;
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, at));
      this.bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.position = needed;
    return at;
  }

  int8(value: number): void {
    check(value, -0x80, 0x7f, "int8");
    const at = this.reserve(1);
    this.#view.setInt8(at, value);
  }
  int16(value: number): void {
    check(value, -0x8000, 0x7fff, "int16");
    const at = this.reserve(2);
    this.#view.setInt16(at, value);
  }
  uint16(value: number): void {
    check(value, 0, 0xffff, "uint16");
    const at = this.reserve(2);
    this.#view.setUint16(at, value);
  }
  int32(value: number): void {
    check(value, -0x8000_0000, 0x7fff_ffff, "int32");
    const at = this.reserve(4);
    this.#view.setInt32(at, value);
  }
  uint32(value: number): void {
    check(value, 0, 0xffff_ffff, "uint32");
    const at = this.reserve(4);
    this.#view.setUint32(at, value);
  }
  float64(value: number): void {
    const at = this.reserve(8);
    this.#view.setFloat64(at, value);
  }
  int64(value: number): void {
    check(value, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, "int64");
    const at = this.reserve(8);
    this.#view.setInt32(at, Math.floor(value / 0x1_0000_0000));
    this.#view.setInt32(at + 4, value | 0);
  }
  producerId(value: ProducerId): void {
    if (typeof value === "number") return this.int64(value);
    if (BigInt.asIntN(64, value) !== value) throw new EncodeError(`${value} is out of range for int64`);
    const at = this.reserve(8);
    this.#view.setBigInt64(at, value);
  }
  boolean(value: boolean): void {
    this.int8(value ? 1 : 0);
  }

  uvarint(value: number): void {
    check(value, 0, 0xffff_ffff, "uvarint");
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.#byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.#byte(rest);
  }

  #byte(value: number): void {
    // Reserving first: it may put another buffer in the place of `this.bytes`.
    const at = this.reserve(1);
    this.bytes[at] = value;
  }

  raw(bytes: Uint8Array): void {
    if (this.#gathers && bytes.length >= WORTH_GATHERING) {
      this.#gathered.push({ at: this.position, bytes });
      return;
    }
    const at = this.reserve(bytes.length);
    this.bytes.set(bytes, at);
  }

  source(source: ByteSource): void {
    const at = this.reserve(source.byteLength);
    source.writeTo(this.bytes, at);
  }

  uuid(text: string): void {
    if (!UUID.test(text)) throw new EncodeError(`not a UUID: ${JSON.stringify(text)}`);
    const hex = text.replaceAll("-", "");
    const at = this.reserve(16);
    for (let i = 0; i < 16; i++) this.bytes[at + i] = Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16);
  }
}

function check(value: number, min: number, max: number, type: string): void {
  if (!(Number.isInteger(value) && value >= min && value <= max)) throw new EncodeError(`${value} is not an ${type}`);
}
