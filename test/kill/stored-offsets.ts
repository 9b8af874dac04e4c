import type { Broker } from "ottla/broker";
import { now } from "../../examples/flights/wall-clock.ts";
import type { Kafka } from "../../src/client/kafka.ts";
import type { LedgerEntry } from "../support/ledger.ts";
import { readCommitted } from "./read-committed.ts";

const OFFSETS = "__consumer_offsets";
/** The versions of keys that stand for an offset; others stand for a group's members. */
const LAST_OFFSET_KEY = 1;
const decoder = new TextDecoder();

/** Every offset that a real broker has stored for a group, from the log in which it keeps them. */
export async function readStoredOffsets(kafka: Kafka, group: string): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = [];
  for (const { record } of await readCommitted(kafka, OFFSETS)) {
    const { key, value, timestamp } = record;
    if (key === null || value === null) continue;
    const at = readKey(key);
    if (at?.group !== group) continue;
    const offset = Number(viewOf(value).getBigInt64(2));
    const { topic, partition } = at;
    // It was stored within that millisecond: after all that was noted before it.
    entries.push({ what: "stored", topic, partition, offset, at: timestamp + 1 });
  }
  return entries;
}

/** Version, group, topic and partition; texts with their length before them, all big-endian. */
function readKey(key: Uint8Array): { group: string; topic: string; partition: number } | undefined {
  const view = viewOf(key);
  if (view.getInt16(0) > LAST_OFFSET_KEY) return undefined;
  const groupEnd = 4 + view.getInt16(2);
  const topicEnd = groupEnd + 2 + view.getInt16(groupEnd);
  return {
    group: decoder.decode(key.subarray(4, groupEnd)),
    topic: decoder.decode(key.subarray(groupEnd + 2, topicEnd)),
    partition: view.getInt32(topicEnd),
  };
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** Looks at each request what the broker has stored by then. */
export function watchStoredOffsets(broker: Broker): (group: string) => LedgerEntry[] {
  const seen = new Map<string, number>();
  const entries = new Map<string, LedgerEntry[]>();
  const look = (): void => {
    for (const { groupId, offsets } of broker.groups()) {
      for (const { topic, partition, offset } of offsets) {
        const key = `${groupId}/${topic}/${partition}`;
        if (seen.get(key) === offset) continue;
        seen.set(key, offset);
        const own = entries.get(groupId) ?? [];
        entries.set(groupId, own);
        own.push({ what: "stored", topic, partition, offset, at: now() });
      }
    }
  };
  broker.observe(look);
  return (group) => {
    look();
    return entries.get(group) ?? [];
  };
}
