/** The Castagnoli polynomial, bits reversed. `zlib.crc32` has another one and cannot check a batch. */
const POLYNOMIAL = 0x82f63b78;

/**
 * Sixteen tables of 256 in one array: table n gives what a byte does to the sum n bytes further on. Signed entries:
 * unsigned ones above 2^31 leave the engines' small integers and make the loops three times slower.
 */
const TABLE: Int32Array = buildTable();

/** Big-endian machines would see the words' bytes swapped, so they take the loop that loads bytes. */
const LITTLE_ENDIAN: boolean = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Below this many bytes, the view that word loads need costs more than they gain. */
const WORDS_PAY_FROM = 512;

/** Words in each of the two lanes that are summed beside each other. */
const LANE = 1024;

/** What the four bytes of a sum become once a lane of zeros has followed: it joins the lanes' sums. */
const PAST_LANE: Int32Array = buildPastLane();

/** The CRC-32C of `bytes[start, end)`, unsigned. */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  if (!LITTLE_ENDIAN || end - start < WORDS_PAY_FROM) return ~overBytes(-1, bytes, start, end) >>> 0;
  const aligned = start + (-(bytes.byteOffset + start) & 3);
  const wordsEnd = aligned + ((end - aligned) & ~15);
  let crc = overBytes(-1, bytes, start, aligned);
  crc = overWords(crc, new Int32Array(bytes.buffer, bytes.byteOffset + aligned, (wordsEnd - aligned) >> 2));
  return ~overBytes(crc, bytes, wordsEnd, end) >>> 0;
}

/** `words` is a multiple of four long. */
function overWords(crc: number, words: Int32Array): number {
  const lanesEnd = words.length - (words.length % (2 * LANE));
  let sum = crc;
  for (let i = 0; i < lanesEnd; i += 2 * LANE) sum = overLanes(sum, words, i);
  return overRest(sum, words, lanesEnd);
}

/**
 * Two words of each of two lanes at a time. Each step of a sum waits for the one before it: two that know nothing of
 * each other fill that time.
 */
function overLanes(crc: number, words: Int32Array, from: number): number {
  let first = crc;
  let second = 0;
  for (let i = from, end = from + LANE; i < end; i += 2) {
    const a = first ^ words[i]!;
    const b = words[i + 1]!;
    const c = second ^ words[i + LANE]!;
    const d = words[i + LANE + 1]!;
    first =
      TABLE[1792 | (a & 255)]! ^
      TABLE[1536 | ((a >>> 8) & 255)]! ^
      TABLE[1280 | ((a >>> 16) & 255)]! ^
      TABLE[1024 | (a >>> 24)]! ^
      TABLE[768 | (b & 255)]! ^
      TABLE[512 | ((b >>> 8) & 255)]! ^
      TABLE[256 | ((b >>> 16) & 255)]! ^
      TABLE[b >>> 24]!;
    second =
      TABLE[1792 | (c & 255)]! ^
      TABLE[1536 | ((c >>> 8) & 255)]! ^
      TABLE[1280 | ((c >>> 16) & 255)]! ^
      TABLE[1024 | (c >>> 24)]! ^
      TABLE[768 | (d & 255)]! ^
      TABLE[512 | ((d >>> 8) & 255)]! ^
      TABLE[256 | ((d >>> 16) & 255)]! ^
      TABLE[d >>> 24]!;
  }
  return (
    PAST_LANE[first & 255]! ^
    PAST_LANE[256 | ((first >>> 8) & 255)]! ^
    PAST_LANE[512 | ((first >>> 16) & 255)]! ^
    PAST_LANE[768 | (first >>> 24)]! ^
    second
  );
}

/** Four words at a time. */
function overRest(from: number, words: Int32Array, start: number): number {
  let crc = from;
  for (let i = start; i < words.length; i += 4) {
    const a = crc ^ words[i]!;
    const b = words[i + 1]!;
    const c = words[i + 2]!;
    const d = words[i + 3]!;
    crc =
      TABLE[3840 | (a & 255)]! ^
      TABLE[3584 | ((a >>> 8) & 255)]! ^
      TABLE[3328 | ((a >>> 16) & 255)]! ^
      TABLE[3072 | (a >>> 24)]! ^
      TABLE[2816 | (b & 255)]! ^
      TABLE[2560 | ((b >>> 8) & 255)]! ^
      TABLE[2304 | ((b >>> 16) & 255)]! ^
      TABLE[2048 | (b >>> 24)]! ^
      TABLE[1792 | (c & 255)]! ^
      TABLE[1536 | ((c >>> 8) & 255)]! ^
      TABLE[1280 | ((c >>> 16) & 255)]! ^
      TABLE[1024 | (c >>> 24)]! ^
      TABLE[768 | (d & 255)]! ^
      TABLE[512 | ((d >>> 8) & 255)]! ^
      TABLE[256 | ((d >>> 16) & 255)]! ^
      TABLE[d >>> 24]!;
  }
  return crc;
}

/** The same sum with byte loads: right on any host and at any alignment. */
function overBytes(crc: number, bytes: Uint8Array, start: number, end: number): number {
  let i = start;
  for (const last = end - 16; i <= last; i += 16) {
    crc =
      TABLE[3840 | ((crc ^ bytes[i]!) & 255)]! ^
      TABLE[3584 | (((crc >>> 8) ^ bytes[i + 1]!) & 255)]! ^
      TABLE[3328 | (((crc >>> 16) ^ bytes[i + 2]!) & 255)]! ^
      TABLE[3072 | ((crc >>> 24) ^ bytes[i + 3]!)]! ^
      TABLE[2816 | bytes[i + 4]!]! ^
      TABLE[2560 | bytes[i + 5]!]! ^
      TABLE[2304 | bytes[i + 6]!]! ^
      TABLE[2048 | bytes[i + 7]!]! ^
      TABLE[1792 | bytes[i + 8]!]! ^
      TABLE[1536 | bytes[i + 9]!]! ^
      TABLE[1280 | bytes[i + 10]!]! ^
      TABLE[1024 | bytes[i + 11]!]! ^
      TABLE[768 | bytes[i + 12]!]! ^
      TABLE[512 | bytes[i + 13]!]! ^
      TABLE[256 | bytes[i + 14]!]! ^
      TABLE[bytes[i + 15]!]!;
  }
  for (; i < end; i++) crc = TABLE[(crc ^ bytes[i]!) & 255]! ^ (crc >>> 8);
  return crc;
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

/** Sums are linear: those of single bits give all others. */
function buildPastLane(): Int32Array {
  const table = new Int32Array(4 * 256);
  for (let i = 0; i < table.length; i++) {
    const byte = i & 255;
    const lowest = byte & -byte;
    if (lowest !== byte) {
      table[i] = table[i - lowest]! ^ table[i - byte + lowest]!;
      continue;
    }
    let crc = byte << (8 * (i >> 8));
    for (let n = 0; n < 4 * LANE; n++) crc = TABLE[crc & 255]! ^ (crc >>> 8);
    table[i] = crc;
  }
  return table;
}
