import type { SegmentRules } from "./partition-log.ts";
import type { TopicConfigs } from "./topic-configs.ts";

/** What a topic's configuration says of its logs. Never and no limit: infinity. */
export interface LogRules extends SegmentRules {
  /** Whether whole segments go when they are old, or the log is too large. */
  readonly deletes: boolean;
  readonly retentionMs: number;
  readonly retentionBytes: number;
  /** Whether of the records of a key only the last one stays. */
  readonly compacts: boolean;
  /** Which part of the log has to be new since the last compaction before there is another. */
  readonly minDirtyRatio: number;
  /** How long a record is left alone, and by when it has to be compacted, in ms. */
  readonly minCompactionLagMs: number;
  readonly maxCompactionLagMs: number;
  /** How long a tombstone stays after it was first compacted, in ms. */
  readonly deleteRetentionMs: number;
}

export function logRulesOf(configs: TopicConfigs): LogRules {
  const number = (name: string): number => Number(configs[name]);
  const unlimited = (name: string): number => (number(name) < 0 ? Number.POSITIVE_INFINITY : number(name));
  const policies = configs["cleanup.policy"]!.split(",").map((policy) => policy.trim());
  const compacts = policies.includes("compact");
  const maxCompactionLagMs = number("max.compaction.lag.ms");
  const segmentMs = number("segment.ms");
  return {
    segmentBytes: number("segment.bytes"),
    // What may not be left uncompacted for longer may not be in the active segment for longer.
    segmentMs: compacts ? Math.min(segmentMs, maxCompactionLagMs) : segmentMs,
    deletes: policies.includes("delete"),
    retentionMs: unlimited("retention.ms"),
    retentionBytes: unlimited("retention.bytes"),
    compacts,
    minDirtyRatio: number("min.cleanable.dirty.ratio"),
    minCompactionLagMs: number("min.compaction.lag.ms"),
    maxCompactionLagMs,
    deleteRetentionMs: number("delete.retention.ms"),
  };
}
