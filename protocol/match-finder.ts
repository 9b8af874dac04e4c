/** The longest input that {@link findMatches} takes: a distance within it fits the 16 bits of both formats. */
export const MATCH_WINDOW = 0x10000;

/** Numbers in {@link matches} per match: literals before it, its length, its distance back. */
export const MATCH_FIELDS = 3;

/** LZ4's own rule, harmless to Snappy: no match starts in the last 12 bytes, none reaches into the last 5. */
const START_MARGIN = 12;
const END_MARGIN = 5;
const MIN_MATCH = 4;

const HASH_BITS = 14;
const HASH_MULTIPLIER = 0x9e3779b1 | 0;
/** After this many misses (as a power of two) the search takes longer steps: random bytes cost little. */
const PATIENCE_BITS = 6;

/**
 * The matches of the last call to {@link findMatches}. It and the table below are shared: everything here is
 * synchronous, so no two searches overlap, and a batch of 100 bytes pays for no allocation.
 */
export const matches: Int32Array = new Int32Array(Math.ceil(MATCH_WINDOW / MIN_MATCH) * MATCH_FIELDS);

/** Where four bytes with this hash were seen last, as a place that grows from search to search. */
const seenAt = new Int32Array(1 << HASH_BITS);
let nextPlace = 1;

/**
 * Finds repeats in `bytes[start, end)`, at most {@link MATCH_WINDOW} bytes, none reaching before `start`. Returns how
 * many numbers of {@link matches} it filled; the bytes after the last match are literals.
 */
export function findMatches(bytes: Uint8Array, view: DataView, start: number, end: number): number {
  const origin = claimPlaces(end - start) - start;
  const lastStart = end - START_MARGIN;
  const matchEnd = end - END_MARGIN;
  let filled = 0;
  let literalsFrom = start;
  let misses = 1 << PATIENCE_BITS;
  for (let i = start; i <= lastStart; ) {
    const word = view.getInt32(i, true);
    const slot = hash(word);
    let candidate = seenAt[slot]! - origin;
    seenAt[slot] = origin + i;
    if (candidate < start || view.getInt32(candidate, true) !== word) {
      i += misses++ >> PATIENCE_BITS;
      continue;
    }
    misses = 1 << PATIENCE_BITS;
    const reached = matchReach(bytes, view, i + MIN_MATCH, candidate + MIN_MATCH, matchEnd);
    while (i > literalsFrom && candidate > start && bytes[i - 1] === bytes[candidate - 1]) {
      i--;
      candidate--;
    }
    matches[filled] = i - literalsFrom;
    matches[filled + 1] = reached - i;
    matches[filled + 2] = i - candidate;
    filled += MATCH_FIELDS;
    // One place inside the match is remembered too: what follows it often repeats with it.
    seenAt[hash(view.getInt32(reached - 2, true))] = origin + reached - 2;
    i = literalsFrom = reached;
  }
  return filled;
}

/** Where the bytes from `at` stop being those from `candidate`, no further than `end`. */
function matchReach(bytes: Uint8Array, view: DataView, at: number, candidate: number, end: number): number {
  let i = at;
  const ahead = at - candidate;
  for (const lastWord = end - 4; i <= lastWord; i += 4) {
    const difference = view.getInt32(i, true) ^ view.getInt32(i - ahead, true);
    if (difference !== 0) return i + ((31 - Math.clz32(difference & -difference)) >> 3);
  }
  while (i < end && bytes[i] === bytes[i - ahead]) i++;
  return i;
}

function hash(word: number): number {
  return Math.imul(word, HASH_MULTIPLIER) >>> (32 - HASH_BITS);
}

/** Places that no earlier search used, so that what stands in the table from then is seen to be old, uncleared. */
function claimPlaces(count: number): number {
  if (nextPlace > 0x7fff_ffff - count) {
    seenAt.fill(0);
    nextPlace = 1;
  }
  const first = nextPlace;
  nextPlace += count;
  return first;
}
