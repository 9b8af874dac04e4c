import { partitionForKey } from "../../protocol/murmur2.ts";
import { encodeUtf8 } from "../../protocol/utf8.ts";

/** The partition that Java's default partitioner gives a key, in a topic of `partitionCount` partitions. */
export function defaultPartition(key: string | Uint8Array, partitionCount: number): number {
  return partitionForKey(typeof key === "string" ? encodeUtf8(key) : key, partitionCount);
}
