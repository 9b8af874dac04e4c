/** From this many words on, folding is worth its beginning and end. */
export const FOLDING_PAYS_FROM = 2048;

/**
 * Shortens what a CRC-32C is taken of, by exclusive-ors alone: half the work of looking words up in tables.
 *
 * The polynomial divides x^209 + x^144 + x^54 + x^39 + x^14 + 1, the shortest multiple of six terms. Squared five times
 * that is the same with x^32, and is still a multiple. So a word may be taken out of a message if it is added 65, 155,
 * 170, 195 and 209 words further on: the remainder stays the same. Sam Russell describes the method for another
 * polynomial (Chorba, arXiv 2412.16398).
 *
 * Gives fewer words, with the same sum when it begins at 0 as `words` when it begins at `crc`. There are at least
 * {@link FOLDING_PAYS_FROM}, in the byte order of a little-endian host. What is returned lasts until the next call, and
 * is as long as they are, less a multiple of four.
 */
export const fold: (crc: number, words: Int32Array) => Int32Array = createFold();

type FiveArrays = [Int32Array, Int32Array, Int32Array, Int32Array, Int32Array];

/** A closure's constants are constants to engines wherever this runs; a module's are variables once it is bundled. */
function createFold(): typeof fold {
  /** Words further on at which a word is added. */
  const DISTANCES = [65, 155, 170, 195, 209] as const;
  /** How far a word reaches. */
  const REACH = 209;
  /** Words that are taken out at a time. */
  const BLOCK = 512;

  /** Words that were taken out last, and after them the block that follows. */
  const window = new Int32Array(REACH + BLOCK);
  const wordsBack = (distance: number): Int32Array => window.subarray(REACH - distance, REACH - distance + BLOCK);
  /** Views, so that one index serves for all: of arrays of one length, engines check it once, or never. */
  const block = wordsBack(0);
  const [back65, back155, back170, back195, back209] = DISTANCES.map(wordsBack) as FiveArrays;
  const rest = new Int32Array(REACH + BLOCK);

  /** In order: words of a block are added to others of it. */
  function takeOutBlock(): void {
    for (let i = 0; i < BLOCK; i++) {
      block[i] = block[i]! ^ back65[i]! ^ back155[i]! ^ back170[i]! ^ back195[i]! ^ back209[i]!;
    }
  }

  return (crc, words) => {
    window.fill(0, 0, REACH);
    // A word at this place is added to the very first one only.
    window[0] = crc;
    let at = 0;
    for (const last = words.length - REACH - BLOCK; at <= last; at += BLOCK) {
      block.set(words.subarray(at, at + BLOCK));
      takeOutBlock();
      window.copyWithin(0, BLOCK);
    }
    rest.set(words.subarray(at));
    for (const distance of DISTANCES) {
      for (let i = 0; i < distance; i++) rest[i]! ^= window[REACH - distance + i]!;
    }
    return rest.subarray(0, words.length - at);
  };
}
