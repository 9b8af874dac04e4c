import { decodeUtf8 } from "./utf8.ts";

/** A power of two. */
const PLACES = 64;
const LONGEST = 64;

/**
 * Texts that were read last, by their bytes: for what is the same from record to record, as the names of headers are. It
 * keeps 64 of them, none longer than 64 bytes.
 */
export class KnownTexts {
  readonly #bytes: (Uint8Array | undefined)[] = new Array(PLACES).fill(undefined);
  readonly #texts: string[] = new Array(PLACES).fill("");

  /** The text of `bytes` from `start` up to `end`. */
  read(bytes: Uint8Array, start: number, end: number): string {
    const length = end - start;
    if (length === 0 || length > LONGEST) return decodeUtf8(bytes, start, end);
    const place = (31 * length + 7 * bytes[end - 1]! + bytes[start + (length >> 1)]!) & (PLACES - 1);
    const known = this.#bytes[place];
    if (known !== undefined && isAt(bytes, start, length, known)) return this.#texts[place]!;
    const text = decodeUtf8(bytes, start, end);
    this.#bytes[place] = bytes.slice(start, end);
    this.#texts[place] = text;
    return text;
  }
}

/** Whether the `length` bytes at `at` are those of `text`. */
export function isAt(bytes: Uint8Array, at: number, length: number, text: Uint8Array): boolean {
  if (length !== text.length) return false;
  for (let i = 0; i < length; i++) if (bytes[at + i] !== text[i]) return false;
  return true;
}
