import { type Journal, type JournalChange, noJournal, openJournal } from "./journal.ts";
import type { JournalValue } from "./journal-value.ts";
import { type LogStart, PartitionFiles } from "./partition-files.ts";
import type { Storage } from "./storage.ts";
import type { TopicConfigs } from "./topic-configs.ts";

/** A topic as it is kept. */
export interface StoredTopic {
  readonly id: string;
  readonly name: string;
  readonly configs: TopicConfigs;
  /** The nodes of each partition. */
  readonly replicas: readonly (readonly number[])[];
}

/** What one partition keeps beyond the life of the process. */
export interface PartitionStore {
  readonly files: PartitionFiles;
  /** The last epoch that anybody led it in, or -1. */
  readonly leaderEpoch: number;
  keepLeaderEpoch(epoch: number): void;
}

const NOTHING_GONE: LogStart = { offset: 0, state: null };
const TOPICS = "topics";
const CLUSTER_ID = "cluster id";
const PRODUCER_IDS = "producer ids";
/** Ids are set aside in blocks, so that not each one is written down. */
const PRODUCER_ID_BLOCK = 1000;

/** What the cluster keeps of itself and its topics, apart from groups and transactions. Without storage: nothing. */
export class ClusterStore {
  readonly #storage: Storage | undefined;
  readonly #journal: Journal;
  readonly #kept: Map<string, JournalValue>;
  #nextProducerId: number;
  #producerIdsEnd: number;

  /** Throws a {@link StorageError} where what is there cannot be read. */
  constructor(storage: Storage | undefined) {
    this.#storage = storage;
    this.#journal = this.journal("cluster");
    this.#kept = new Map(this.#journal.entries);
    this.#nextProducerId = (this.#kept.get(PRODUCER_IDS) as number | undefined) ?? PRODUCER_ID_BLOCK;
    this.#producerIdsEnd = this.#nextProducerId;
    this.#removeLeftovers();
  }

  /** What one part of the cluster keeps. To be asked for once by each. */
  journal(name: string): Journal {
    return this.#storage === undefined ? noJournal : openJournal(this.#storage, `${name}.journal`);
  }

  #write(changes: readonly JournalChange[]): void {
    if (this.#storage === undefined) return;
    this.#journal.write(changes);
    for (const [key, value] of changes) {
      if (value === undefined) this.#kept.delete(key);
      else this.#kept.set(key, value);
    }
  }

  /** The id that was given last, or else this one from now on. */
  clusterId(wanted: () => string): string {
    const kept = this.#kept.get(CLUSTER_ID);
    if (typeof kept === "string") return kept;
    const id = wanted();
    this.#write([[CLUSTER_ID, id]]);
    return id;
  }

  nextProducerId(): number {
    if (this.#nextProducerId === this.#producerIdsEnd) {
      this.#write([[PRODUCER_IDS, this.#producerIdsEnd + PRODUCER_ID_BLOCK]]);
      this.#producerIdsEnd += PRODUCER_ID_BLOCK;
    }
    return this.#nextProducerId++;
  }

  /** In the order of their creation. */
  get topics(): readonly StoredTopic[] {
    return [...this.#kept].flatMap(([key, value]) => {
      return key.startsWith("topic/") ? [value as unknown as StoredTopic] : [];
    });
  }

  keepTopic(topic: StoredTopic): void {
    this.#write([[`topic/${topic.id}`, topic as unknown as JournalValue]]);
  }

  /** Forgets a topic with its records. */
  removeTopic(id: string): void {
    if (this.#storage === undefined) return;
    const keys = [...this.#kept.keys()].filter((key) => key === `topic/${id}` || key.startsWith(`partition/${id}/`));
    this.#write(keys.map((key) => [key, undefined]));
    this.#storage.remove(`${TOPICS}/${id}`);
  }

  /** Records of a topic whose deletion the last process did not live to end. */
  #removeLeftovers(): void {
    const ids = new Set(this.topics.map((topic) => topic.id));
    for (const id of this.#storage?.list(TOPICS) ?? []) if (!ids.has(id)) this.#storage!.remove(`${TOPICS}/${id}`);
  }

  partition(topicId: string, index: number): PartitionStore | undefined {
    if (this.#storage === undefined) return undefined;
    const epochKey = `partition/${topicId}/${index}/epoch`;
    const startKey = `partition/${topicId}/${index}/start`;
    const read = (): LogStart => (this.#kept.get(startKey) as unknown as LogStart | undefined) ?? NOTHING_GONE;
    const start = {
      get kept() {
        return read();
      },
      keep: (moved: LogStart) => this.#write([[startKey, moved as unknown as JournalValue]]),
    };
    return {
      files: new PartitionFiles(this.#storage, `${TOPICS}/${topicId}/${index}`, start),
      leaderEpoch: (this.#kept.get(epochKey) as number | undefined) ?? -1,
      keepLeaderEpoch: (epoch) => this.#write([[epochKey, epoch]]),
    };
  }

  /** The process has started anew: whoever leads a partition does so in an epoch that was not there before. */
  beginEpochs(
    partitions: readonly { readonly topicId: string; readonly index: number; readonly epoch: number }[],
  ): void {
    this.#write(partitions.map(({ topicId, index, epoch }) => [`partition/${topicId}/${index}/epoch`, epoch]));
  }

  close(): void {
    this.#storage?.close();
  }
}
