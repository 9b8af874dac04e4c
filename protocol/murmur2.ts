const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;

/** The hash that Java's default partitioner takes of a key: MurmurHash2 with Kafka's seed, as a signed int32. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  let hash = SEED ^ length;
  let i = 0;
  for (const last = length - 4; i <= last; i += 4) {
    let word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    word = Math.imul(word, MULTIPLIER);
    word = Math.imul(word ^ (word >>> 24), MULTIPLIER);
    hash = Math.imul(hash, MULTIPLIER) ^ word;
  }
  const rest = length - i;
  if (rest > 0) {
    if (rest > 2) hash ^= bytes[i + 2]! << 16;
    if (rest > 1) hash ^= bytes[i + 1]! << 8;
    hash = Math.imul(hash ^ bytes[i]!, MULTIPLIER);
  }
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER);
  return hash ^ (hash >>> 15);
}

/**
 * The partition that Java's default partitioner gives a key: the hash without its sign bit, modulo all partitions of
 * the topic, whether they have a leader or not. An empty key has a partition like any other.
 */
export function partitionForKey(key: Uint8Array, partitionCount: number): number {
  if (!(Number.isInteger(partitionCount) && partitionCount > 0)) {
    throw new RangeError(`partitionCount is ${partitionCount}: a topic has one partition or more`);
  }
  return (murmur2(key) & 0x7fffffff) % partitionCount;
}
