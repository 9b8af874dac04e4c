import type { LedgerEntry } from "../support/ledger.ts";

/**
 * S8.2 of each key, through retries, parking and changes of owners: the first start of a job comes after the end of all
 * jobs of its key that are before it in its partition.
 */
export function checkKeys(entries: readonly LedgerEntry[]): string[] {
  const problems: string[] = [];
  /** Offsets that have not ended, by partition and key, ascending. */
  const waiting = new Map<string, number[]>();
  const keyAt = new Map<string, string>();
  const started = new Set<string>();
  for (const entry of entries) {
    if (!("offset" in entry) || !("topic" in entry) || entry.topic !== "jobs") continue;
    const { partition, offset } = entry;
    const place = `${partition}/${offset}`;
    const key = keyAt.get(place);
    if (entry.what === "enqueued") {
      const line = `${partition}/${entry.key}`;
      keyAt.set(place, line);
      waiting.set(
        line,
        [...(waiting.get(line) ?? []), offset].toSorted((a, b) => a - b),
      );
    } else if (entry.what === "start" && key !== undefined && !started.has(place)) {
      started.add(place);
      const first = waiting.get(key)![0];
      if (first !== undefined && first < offset)
        problems.push(`S8.2 ${key}: ${offset} starts before ${first} has ended: ${JSON.stringify(entry)}`);
    } else if (key !== undefined && isEnd(entry)) {
      const line = waiting.get(key)!;
      const at = line.indexOf(offset);
      if (at >= 0) line.splice(at, 1);
    }
  }
  return problems;
}

function isEnd(entry: LedgerEntry): boolean {
  if (entry.what === "end") return entry.ok;
  return entry.what === "dead" || (entry.what === "moved" && entry.isParked !== true);
}
