import type { BatchMemory } from "./batch-memory.ts";
import type { Cluster } from "./cluster.ts";
import { defaultPartition } from "./default-partitioner.ts";
import { InvalidArgumentError, KafkaError } from "./errors.ts";
import { PartitionQueue } from "./partition-queue.ts";
import type { ProducerSettings } from "./producer-options.ts";
import { copyOf, type HeaderInput, type ProducerRecord } from "./producer-record.ts";
import type { RecordOwner } from "./queued-batch.ts";
import { StickyPartitioner } from "./sticky-partitioner.ts";

/** A record on its way into a batch. */
export interface Arrival {
  /** As it was given, and found to be one that can be sent. */
  readonly record: ProducerRecord;
  /** Its headers as pairs. */
  readonly headers: readonly HeaderInput[] | undefined;
  readonly owner: RecordOwner;
  readonly slot: number;
  /** When it was given (monotonic ms), and the same in milliseconds since 1970. */
  readonly at: number;
  readonly now: number;
  /** Brokers were asked for its partition, since it was not known. */
  readonly isLookedUp?: boolean;
}

/** The same arrival with bytes of its own: it will wait, and the caller's bytes may change once the call has returned. */
export function detached(arrival: Arrival): Arrival {
  const { key, value } = arrival.record;
  const headers = arrival.headers?.map(([name, part]): HeaderInput => [name, copyOf(part)]);
  return { ...arrival, record: { ...arrival.record, key: copyOf(key), value: copyOf(value) }, headers };
}

/** Key, value and the record's own fields, roughly, in bytes. */
const RECORD_OVERHEAD = 32;
/** Bytes of keyless records before another partition has its turn, as with Java's own batch.size (KIP-794). */
const STICKY_SHARE = 16_384;

/** About as many bytes as an arrival keeps while it waits. */
export function keptBytes({ record: { key, value }, headers = [] }: Arrival): number {
  const ofHeaders = headers.reduce((sum, [name, part]) => sum + name.length + (part?.length ?? 0), 0);
  return RECORD_OVERHEAD + (key?.length ?? 0) + (value?.length ?? 0) + ofHeaders;
}

/** What waits to be sent to one topic, and by which partition. */
export class TopicOutbox {
  readonly #topic: string;
  readonly #settings: ProducerSettings;
  readonly #maxInFlight: number;
  readonly #memory: BatchMemory;
  readonly #queues: PartitionQueue[] = [];
  readonly #sticky: StickyPartitioner;
  /** Calls that wait for the topic's metadata, in order; undefined once it is known. */
  waiting: Arrival[] | undefined;

  /** `maxInFlight`: batches of one partition. */
  constructor(cluster: Cluster, topic: string, settings: ProducerSettings, maxInFlight: number, memory: BatchMemory) {
    this.#memory = memory;
    this.#topic = topic;
    this.#settings = settings;
    this.#maxInFlight = maxInFlight;
    this.#sticky = new StickyPartitioner(cluster.clock, Math.min(settings.batchSize, STICKY_SHARE), {
      isFilling: (partition) => this.#queues[partition]?.isFilling === true,
      load: (partition) => {
        const leader = cluster.metadata.leaderOf(topic, partition);
        return cluster.metadata.nodes.has(leader) ? (this.#queues[partition]?.length ?? 0) : undefined;
      },
    });
  }

  /** Those that have had records. */
  get queues(): readonly PartitionQueue[] {
    return this.#queues.filter((queue) => queue !== undefined);
  }

  /** The queue that the record belongs to. Throws where it belongs to none. */
  queueFor(arrival: Arrival, partitionCount: number): PartitionQueue {
    const partition = this.#partitionOf(arrival, partitionCount);
    if (!Number.isInteger(partition) || partition < 0 || partition >= partitionCount) {
      const topic = this.#topic;
      const range = partitionCount === 1 ? "only partition 0" : `partitions 0 to ${partitionCount - 1}`;
      throw new InvalidArgumentError(`partition ${String(partition)}: topic ${topic} has ${range}`, {
        topic,
        partition,
      });
    }
    let queue = this.#queues[partition];
    if (queue === undefined) {
      queue = new PartitionQueue(this.#topic, partition, this.#maxInFlight, this.#memory);
      this.#queues[partition] = queue;
    }
    return queue;
  }

  #partitionOf({ record }: Arrival, partitionCount: number): number {
    const { key, value, partition } = record;
    if (partition !== undefined) return partition;
    const { partitioner } = this.#settings;
    if (partitioner !== undefined) return this.#ask(partitioner, record, partitionCount);
    if (key !== null && key !== undefined) return defaultPartition(key, partitionCount);
    return this.#sticky.choose(partitionCount, RECORD_OVERHEAD + (value?.length ?? 0));
  }

  #ask(
    partitioner: NonNullable<ProducerSettings["partitioner"]>,
    given: ProducerRecord,
    partitionCount: number,
  ): number {
    try {
      return partitioner(given, partitionCount);
    } catch (error) {
      const topic = this.#topic;
      const message = `the partitioner threw for a record for ${topic}: ${String(error)}`;
      throw new KafkaError("PARTITIONER_FAILED", message, false, { topic, cause: error });
    }
  }
}
