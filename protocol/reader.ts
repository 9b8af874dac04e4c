import { CodecError } from "./codec-error.ts";
import { type ProducerId, producerIdOf } from "./producer-id.ts";
import { decodeUtf8 } from "./utf8.ts";

/** Bytes that are not what the protocol says they are: cut short, out of range, or malformed. */
export class DecodeError extends CodecError {
  override readonly name = "DecodeError";
  readonly code = "DECODE_ERROR";
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));

/**
 * A cursor over a frame's bytes. Every read checks the bytes that remain before it touches or allocates anything, so
 * a hostile length gives a {@link DecodeError}, never a read outside the frame.
 */
export class Reader {
  readonly bytes: Uint8Array;
  readonly end: number;
  position: number;
  #numbers: DataView | undefined;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
  }

  /** Made once it is needed: records have none but varints, and it costs more than to read one. */
  get #view(): DataView {
    this.#numbers ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    return this.#numbers;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  /** Moves past `length` bytes and returns where they begin. */
  take(length: number): number {
    const at = this.position;
    if (length < 0 || length > this.end - at) {
      throw new DecodeError(`${length} bytes wanted at ${at}, ${this.end - at} left in the frame`);
    }
    this.position = at + length;
    return at;
  }

  int8(): number {
    return this.#view.getInt8(this.take(1));
  }
  int16(): number {
    return this.#view.getInt16(this.take(2));
  }
  uint16(): number {
    return this.#view.getUint16(this.take(2));
  }
  int32(): number {
    return this.#view.getInt32(this.take(4));
  }
  uint32(): number {
    return this.#view.getUint32(this.take(4));
  }
  float64(): number {
    return this.#view.getFloat64(this.take(8));
  }

  /** An int64 as a number. Above 2^53 - 1 in either direction it is refused: it could not be given back exactly. */
  int64(): number {
    const at = this.take(8);
    const value = this.#view.getInt32(at) * 0x1_0000_0000 + this.#view.getUint32(at + 4);
    if (!Number.isSafeInteger(value)) throw new DecodeError(`int64 at ${at} is beyond the safe integers`);
    return value;
  }

  /** An int64 that is only compared, in its one form. */
  producerId(): ProducerId {
    const at = this.take(8);
    const high = this.#view.getInt32(at);
    // Apache Kafka's ids, and -1 for none.
    if (high === 0 || high === -1) return high * 0x1_0000_0000 + this.#view.getUint32(at + 4);
    return producerIdOf(this.#view.getBigInt64(at));
  }

  boolean(): boolean {
    return this.int8() !== 0;
  }

  /** An unsigned varint of at most 32 bits. */
  uvarint(): number {
    // Most take one byte, and there are several in each record.
    const at = this.position;
    const first = at < this.end ? this.bytes[at]! : 0x80;
    if (first < 0x80) {
      this.position = at + 1;
      return first;
    }
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.bytes[this.take(1)]!;
      if (shift === 28 && byte > 0x0f) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new DecodeError(`varint before ${this.position} is longer than 32 bits`);
  }

  /** A zigzag varint of at most 32 bits, as in records. */
  varint(): number {
    const value = this.uvarint();
    return (value >>> 1) ^ -(value & 1);
  }

  /** A zigzag varint of at most 64 bits, as in record timestamps. */
  varlong(): number {
    const at = this.position;
    const first = at < this.end ? this.bytes[at]! : 0x80;
    if (first < 0x80) {
      this.position = at + 1;
      return (first >>> 1) ^ -(first & 1);
    }
    let low = 0;
    let scale = 1;
    for (let index = 0; index < 10; index++) {
      const byte = this.bytes[this.take(1)]!;
      low += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) {
        const value = low % 2 === 0 ? low / 2 : -(low + 1) / 2;
        if (!Number.isSafeInteger(low))
          throw new DecodeError(`varlong before ${this.position} is beyond the safe integers`);
        return value;
      }
    }
    throw new DecodeError(`varlong before ${this.position} is longer than 64 bits`);
  }

  utf8(length: number): string {
    const at = this.take(length);
    return decodeUtf8(this.bytes, at, at + length);
  }

  /** A view of the next `length` bytes, not a copy. */
  slice(length: number): Uint8Array {
    const at = this.take(length);
    return this.bytes.subarray(at, at + length);
  }

  /** 16 bytes in the usual text form, 8-4-4-4-12. */
  uuid(): string {
    const at = this.take(16);
    let text = "";
    for (let i = 0; i < 16; i++) {
      if (i === 4 || i === 6 || i === 8 || i === 10) text += "-";
      text += HEX[this.bytes[at + i]!];
    }
    return text;
  }
}
