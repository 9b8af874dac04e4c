import type { KafkaRecord } from "../../protocol/records.ts";
import type { MemoryCluster } from "../support/memory-cluster.ts";

/** A record that is committed. */
export interface SeenRecord {
  readonly topic: string;
  readonly partition: number;
  readonly record: KafkaRecord;
}

/** A group's offset, as a broker has it. */
export interface SeenOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly metadata: string;
}

/** How far a partition has been looked at. */
interface Seen {
  end: number;
  /** All before it is decided. */
  stable: number;
  /** Offsets from there on that were told. */
  readonly told: Set<number>;
}

/** Tells what has come to be committed, in the brokers' memory, since it was last asked. */
export class LogWatcher {
  readonly #cluster: MemoryCluster;
  readonly #group: string;
  readonly #seen = new Map<string, Seen[]>();
  readonly #offsets = new Map<string, string>();

  constructor(cluster: MemoryCluster, group: string) {
    this.#cluster = cluster;
    this.#group = group;
  }

  records(): SeenRecord[] {
    const found: SeenRecord[] = [];
    for (const topic of this.#cluster.topicNames) {
      const partitions = this.#seen.get(topic) ?? [];
      this.#seen.set(topic, partitions);
      for (const [partition, { log, lastStableOffset }] of this.#cluster.partitions(topic).entries()) {
        const seen = partitions[partition] ?? { end: 0, stable: 0, told: new Set() };
        partitions[partition] = seen;
        // Whatever is decided, a marker at the end of the log says so.
        if (log.endOffset === seen.end) continue;
        for (const record of this.#cluster.decidedRecords(topic, partition, seen.stable)) {
          if (record.offset < seen.stable || seen.told.has(record.offset)) continue;
          seen.told.add(record.offset);
          found.push({ topic, partition, record });
        }
        seen.end = log.endOffset;
        seen.stable = lastStableOffset;
        for (const offset of seen.told) if (offset < seen.stable) seen.told.delete(offset);
      }
    }
    return found;
  }

  /** Those of the topics that are others than before. */
  offsets(topics: Iterable<string>): SeenOffset[] {
    const found: SeenOffset[] = [];
    for (const topic of topics) {
      for (const partition of this.#cluster.partitions(topic).keys()) {
        const committed = this.#cluster.committed(this.#group, topic, partition);
        if (committed === undefined) continue;
        const { offset, metadata } = committed;
        const [place, state] = [`${topic}/${partition}`, `${offset} ${metadata}`];
        if (this.#offsets.get(place) === state) continue;
        this.#offsets.set(place, state);
        found.push({ topic, partition, offset, metadata });
      }
    }
    return found;
  }
}
