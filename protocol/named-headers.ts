import { KnownTexts } from "./known-texts.ts";
import { DecodeError, Reader } from "./reader.ts";
import { decodeUtf8 } from "./utf8.ts";

/** A header of a record. Keys may repeat; their order is kept. */
export type RecordHeader = readonly [key: string, value: Uint8Array<ArrayBuffer> | null];

const names = new KnownTexts();
const values = new KnownTexts();
const readKnown = (bytes: Uint8Array, from: number, to: number): string => values.read(bytes, from, to);

/** The headers of one record, by where they lie in its bytes: values are cut when they are asked for. */
export class NamedHeaders {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #names: string[] = [];
  /** By pairs: where a value lies, and its length, which is negative where there is none. */
  readonly #places: number[] = [];

  /** Reads what lies in `bytes` from `start` up to `end`. */
  constructor(bytes: Uint8Array<ArrayBuffer>, start: number, end: number) {
    this.#bytes = bytes;
    const reader = new Reader(bytes, start, end);
    const count = reader.varint();
    if (count < 0 || count > reader.remaining)
      throw new DecodeError(`${count} record headers in ${reader.remaining} bytes`);
    for (let i = 0; i < count; i++) {
      const keyLength = reader.varint();
      const key = reader.take(keyLength);
      this.#names.push(names.read(bytes, key, key + keyLength));
      const length = reader.varint();
      this.#places.push(reader.take(Math.max(0, length)), length);
    }
  }

  /** The value of the last header with this name that has one, as text. Undefined: there is none. */
  text(name: string): string | undefined {
    return this.#read(name, decodeUtf8);
  }

  /** The same, of one that says the same in many records. */
  knownText(name: string): string | undefined {
    return this.#read(name, readKnown);
  }

  #read(name: string, read: (bytes: Uint8Array, from: number, to: number) => string): string | undefined {
    for (let i = this.#names.length - 1; i >= 0; i--) {
      const length = this.#places[2 * i + 1]!;
      if (length < 0 || this.#names[i] !== name) continue;
      const from = this.#places[2 * i]!;
      return read(this.#bytes, from, from + length);
    }
    return undefined;
  }

  /** All of them, their values as views of the record's bytes. */
  all(): RecordHeader[] {
    return this.#names.map((name, i) => {
      const [from, length] = [this.#places[2 * i]!, this.#places[2 * i + 1]!];
      return [name, length < 0 ? null : this.#bytes.subarray(from, from + length)];
    });
  }
}
