import { Reader } from "../../protocol/reader.ts";

/** Where a field lies in an input. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

const READS = ["take", "uvarint", "varlong"] as const;
const MOST = 4_000;

/**
 * The fields of `input` that are read as `work` decodes it, by whatever schema: what every Reader takes, that is at it. So
 * changes can be made to lengths, counts and whole fields, and not to any bytes alone.
 */
export async function spansRead(input: Uint8Array, work: () => unknown): Promise<Span[]> {
  const reads: { readonly bytes: Uint8Array; readonly from: number; readonly to: number }[] = [];
  const { prototype } = Reader;
  const originals = READS.map((name) => [name, prototype[name]] as const);
  for (const [name, original] of originals) {
    prototype[name] = function (this: Reader, length?: number): number {
      const from = this.position;
      const result = original.call(this, length!);
      if (reads.length < MOST) reads.push({ bytes: this.bytes, from, to: this.position });
      return result;
    };
  }
  try {
    await work();
  } finally {
    for (const [name, original] of originals) prototype[name] = original as never;
  }
  const known = new Map<string, Span>();
  for (const { bytes, from, to } of reads) {
    const before = input.length - bytes.length;
    if (to > from && before >= 0 && isEndOf(input, before, bytes))
      known.set(`${from} ${to}`, { from: before + from, to: before + to });
  }
  return [...known.values()].sort((a, b) => a.from - b.from || b.to - a.to);
}

function isEndOf(input: Uint8Array, at: number, bytes: Uint8Array): boolean {
  // Both ends are enough: what is looked at is mostly the input itself, or a copy.
  for (let i = 0; i < 8 && i < bytes.length; i++) {
    const last = bytes.length - 1 - i;
    if (bytes[i] !== input[at + i] || bytes[last] !== input[at + last]) return false;
  }
  return true;
}

const TOKEN = /\d+|[a-zA-Z_]+|[^\da-zA-Z_]/g;

/** The tokens of a text: numbers, words, and every other character. */
export function tokenSpans(input: Uint8Array): Span[] {
  const text = new TextDecoder("latin1").decode(input.subarray(0, MOST));
  return Array.from(text.matchAll(TOKEN), ({ index, 0: token }) => ({ from: index, to: index + token.length }));
}
