import { FOLDING_PAYS_FROM, fold } from "./crc32c-fold.ts";

/** The Castagnoli polynomial, bits reversed. `zlib.crc32` has another one and cannot check a batch. */
const POLYNOMIAL = 0x82f63b78;

/** Big-endian machines would see the words' bytes swapped, so they take the loop that loads bytes. */
const LITTLE_ENDIAN: boolean = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Below this many bytes, the view that word loads need costs more than they gain. */
const WORDS_PAY_FROM = 512;

/** Sums of what comes at a time, from the sum of all before it. */
interface Sums {
  /** A multiple of four words. */
  overWords(crc: number, words: Int32Array): number;
  overBytes(crc: number, bytes: Uint8Array, start: number, end: number): number;
}

const { overWords, overBytes } = createSums();

/** The CRC-32C of `bytes[start, end)`, unsigned. */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  if (!LITTLE_ENDIAN || end - start < WORDS_PAY_FROM) return ~overBytes(-1, bytes, start, end) >>> 0;
  const aligned = start + (-(bytes.byteOffset + start) & 3);
  const wordsEnd = aligned + ((end - aligned) & ~15);
  let crc = overBytes(-1, bytes, start, aligned);
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + aligned, (wordsEnd - aligned) >> 2);
  crc = words.length < FOLDING_PAYS_FROM ? overWords(crc, words) : overWords(0, fold(crc, words));
  return ~overBytes(crc, bytes, wordsEnd, end) >>> 0;
}

/** A closure's table is a constant to engines wherever this runs; a module's is a variable once it is bundled. */
function createSums(): Sums {
  /**
   * Sixteen tables of 256 in one array: table n gives what a byte does to the sum n bytes further on. Signed entries:
   * unsigned ones above 2^31 leave the engines' small integers and make the loops three times slower.
   */
  const table = buildTable();
  return {
    overWords(from, words) {
      let crc = from;
      for (let i = 0; i < words.length; i += 4) {
        const a = crc ^ words[i]!;
        const b = words[i + 1]!;
        const c = words[i + 2]!;
        const d = words[i + 3]!;
        crc =
          table[3840 | (a & 255)]! ^
          table[3584 | ((a >>> 8) & 255)]! ^
          table[3328 | ((a >>> 16) & 255)]! ^
          table[3072 | (a >>> 24)]! ^
          table[2816 | (b & 255)]! ^
          table[2560 | ((b >>> 8) & 255)]! ^
          table[2304 | ((b >>> 16) & 255)]! ^
          table[2048 | (b >>> 24)]! ^
          table[1792 | (c & 255)]! ^
          table[1536 | ((c >>> 8) & 255)]! ^
          table[1280 | ((c >>> 16) & 255)]! ^
          table[1024 | (c >>> 24)]! ^
          table[768 | (d & 255)]! ^
          table[512 | ((d >>> 8) & 255)]! ^
          table[256 | ((d >>> 16) & 255)]! ^
          table[d >>> 24]!;
      }
      return crc;
    },

    overBytes(from, bytes, start, end) {
      let crc = from;
      let i = start;
      for (const last = end - 16; i <= last; i += 16) {
        crc =
          table[3840 | ((crc ^ bytes[i]!) & 255)]! ^
          table[3584 | (((crc >>> 8) ^ bytes[i + 1]!) & 255)]! ^
          table[3328 | (((crc >>> 16) ^ bytes[i + 2]!) & 255)]! ^
          table[3072 | ((crc >>> 24) ^ bytes[i + 3]!)]! ^
          table[2816 | bytes[i + 4]!]! ^
          table[2560 | bytes[i + 5]!]! ^
          table[2304 | bytes[i + 6]!]! ^
          table[2048 | bytes[i + 7]!]! ^
          table[1792 | bytes[i + 8]!]! ^
          table[1536 | bytes[i + 9]!]! ^
          table[1280 | bytes[i + 10]!]! ^
          table[1024 | bytes[i + 11]!]! ^
          table[768 | bytes[i + 12]!]! ^
          table[512 | bytes[i + 13]!]! ^
          table[256 | bytes[i + 14]!]! ^
          table[bytes[i + 15]!]!;
      }
      for (; i < end; i++) crc = table[(crc ^ bytes[i]!) & 255]! ^ (crc >>> 8);
      return crc;
    },
  };
}

function buildTable(): Int32Array {
  const table = new Int32Array(16 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    table[byte] = crc;
  }
  for (let i = 256; i < table.length; i++) {
    const previous = table[i - 256]!;
    table[i] = (previous >>> 8) ^ table[previous & 255]!;
  }
  return table;
}
