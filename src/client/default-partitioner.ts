import { partitionForKey } from "../../protocol/murmur2.ts";
import { encodeUtf8 } from "../../protocol/writer.ts";

/** The partition that Java's default partitioner gives a key, in a topic of `partitionCount` partitions. */
export function defaultPartition(key: string, partitionCount: number): number {
  return partitionForKey(encodeUtf8(key), partitionCount);
}
