import type { LogRules } from "./log-rules.ts";
import type { Partition } from "./partition.ts";
import type { PartitionLog } from "./partition-log.ts";

/** What retention sees of a log: it deletes whole segments, from the oldest on. */
interface Segment {
  readonly endOffset: number;
  readonly size: number;
  readonly maxTimestamp: number;
}

function segmentsOf(log: PartitionLog): Segment[] {
  const segments: (Segment & { readonly base: number })[] = [];
  for (const { segmentBase, endOffset, size, maxTimestamp } of log.chunks) {
    const last = segments.at(-1);
    if (last?.base !== segmentBase) segments.push({ base: segmentBase, endOffset, size, maxTimestamp });
    else {
      const whole = { size: last.size + size, maxTimestamp: Math.max(last.maxTimestamp, maxTimestamp) };
      segments[segments.length - 1] = { base: segmentBase, endOffset, ...whole };
    }
  }
  return segments;
}

/** Deletes the segments that are too old, the active one too, and those that the log is too large for. `now`: epoch ms. */
export function applyRetention(partition: Partition, rules: LogRules, now: number): void {
  const { log } = partition;
  if (!rules.deletes || log.chunks.length === 0) return;
  let excess = log.size - rules.retentionBytes;
  let deleteTo = log.startOffset;
  for (const { endOffset, size, maxTimestamp } of segmentsOf(log)) {
    if (now - maxTimestamp <= rules.retentionMs && excess < size) break;
    excess -= size;
    deleteTo = endOffset;
  }
  partition.deleteBefore(deleteTo);
}

/** When the oldest segment will be too old, epoch ms; infinity: there is none that will. */
export function nextExpiry({ log }: Partition, rules: LogRules): number {
  if (!rules.deletes) return Number.POSITIVE_INFINITY;
  const [oldest] = segmentsOf(log);
  return oldest === undefined ? Number.POSITIVE_INFINITY : oldest.maxTimestamp + rules.retentionMs + 1;
}
