import { partitionForKey } from "../../protocol/murmur2.ts";
import { encodeUtf8, writeAscii } from "../../protocol/utf8.ts";

/** By the length of a key, what it is written into to be hashed: a buffer for each key costs more than its hash. */
const scratch: readonly Uint8Array[] = Array.from({ length: 65 }, (_, length) => new Uint8Array(length));

/** The partition that Java's default partitioner gives a key, in a topic of `partitionCount` partitions. */
export function defaultPartition(key: string | Uint8Array, partitionCount: number): number {
  if (typeof key !== "string") return partitionForKey(key, partitionCount);
  const bytes = scratch[key.length];
  return partitionForKey(bytes !== undefined && writeAscii(bytes, 0, key) ? bytes : encodeUtf8(key), partitionCount);
}
