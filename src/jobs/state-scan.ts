import { partitionKey, type TopicPartition } from "../client/topic-partition.ts";
import { parkedOf } from "./parked-record.ts";
import { type ProgressEntry, progressOf } from "./progress-record.ts";
import type { JobRecord } from "./received-job.ts";
import { type RecurringEntry, readRecurring } from "./recurring-record.ts";
import { parseStateKey, type RequestKind, type StateKey, stateKey } from "./state-topic.ts";

/** Where the record of a parked job is in the state topic's partition. */
export interface ParkedEntry {
  readonly by: string;
  readonly topicId: string;
  /** In the queue's partition. */
  readonly offset: number;
  /** In the state topic's. */
  readonly at: number;
}

/** What somebody asks the owner of a parked key, or of a recurring job, for. */
export interface StateRequest {
  readonly key: StateKey & { readonly kind: RequestKind };
  /** What jobs are parked by, or a recurring job's name. */
  readonly by: string;
}

/** What is kept for one partition of a queue. */
export interface PartitionState {
  /** In offset order. */
  readonly parked: readonly ParkedEntry[];
  /** In the order in which they were made. */
  readonly requests: readonly StateRequest[];
  /** In no order. */
  readonly progress: readonly ProgressEntry[];
  /** In no order. */
  readonly recurring: readonly RecurringEntry[];
}

const decoder = new TextDecoder();

export function keyOfState({ key }: JobRecord): StateKey | undefined {
  return key === null ? undefined : parseStateKey(decoder.decode(key));
}

/** Undefined: the record is no request. */
export function requestOf(record: JobRecord, key: StateKey): StateRequest | undefined {
  const { kind } = key;
  if (kind === "park" || kind === "progress" || kind === "recurring" || record.value === null) return undefined;
  return { key: { ...key, kind }, by: decoder.decode(record.value) };
}

/** Takes in a state topic's partition, record by record: of each key the last one counts. */
export class StateScan {
  readonly #isWanted: (partition: TopicPartition) => boolean;
  readonly #parked = new Map<string, Map<number, ParkedEntry>>();
  readonly #requests = new Map<string, Map<string, StateRequest>>();
  readonly #progress = new Map<string, Map<string, ProgressEntry>>();
  readonly #recurring = new Map<string, Map<string, RecurringEntry>>();

  constructor(isWanted: (partition: TopicPartition) => boolean) {
    this.#isWanted = isWanted;
  }

  take(record: JobRecord): void {
    const key = keyOfState(record);
    if (key === undefined || !this.#isWanted(key)) return;
    const place = partitionKey(key.topic, key.partition);
    if (key.kind === "park") {
      const offset = Number(key.id);
      const parked = record.value === null ? undefined : parkedOf(record);
      put(this.#parked, place, offset, parked && { ...parked, offset, at: record.offset });
    } else if (key.kind === "progress") put(this.#progress, place, key.id, progressOf(key, record));
    else if (key.kind === "recurring") put(this.#recurring, place, key.id, readRecurring(key.id, record.value));
    else put(this.#requests, place, stateKey(key), requestOf(record, key));
  }

  of({ topic, partition }: TopicPartition): PartitionState {
    const place = partitionKey(topic, partition);
    const parked = [...(this.#parked.get(place)?.values() ?? [])].sort((a, b) => a.offset - b.offset);
    const requests = [...(this.#requests.get(place)?.values() ?? [])];
    const progress = [...(this.#progress.get(place)?.values() ?? [])];
    return { parked, requests, progress, recurring: [...(this.#recurring.get(place)?.values() ?? [])] };
  }

  /** Every partition that jobs are parked of. */
  get partitions(): TopicPartition[] {
    return [...new Set([...this.#parked.keys(), ...this.#requests.keys()])].map((place) => {
      const slash = place.lastIndexOf("/");
      return { topic: place.slice(0, slash), partition: Number(place.slice(slash + 1)) };
    });
  }
}

/** Sets what is known under two keys, the latest last; undefined takes it away. */
function put<K, V>(maps: Map<string, Map<K, V>>, place: string, key: K, value: V | undefined): void {
  const map = maps.get(place) ?? new Map<K, V>();
  map.delete(key);
  if (value !== undefined) map.set(key, value);
  if (map.size > 0) maps.set(place, map);
  else maps.delete(place);
}
