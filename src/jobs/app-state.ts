import type { Contexts } from "./contexts.ts";
import type { EventHub, TopicPartition } from "./events.ts";
import type { JobRegistry } from "./job-registry.ts";
import type { LazyProducer } from "./lazy-producer.ts";
import type { MiddlewareList } from "./middleware.ts";
import type { AppSettings } from "./options.ts";
import type { RecordPlace } from "./record-place.ts";
import type { RecurringRegistry } from "./recurring-registry.ts";
import type { RuntimeSlot } from "./runtime.ts";

/** What has partitions whose blocked jobs can be let go. */
export interface PartitionHolder {
  has(place: TopicPartition): boolean;
  skip(place: RecordPlace, topic: string | undefined): Promise<void>;
}

/** What the parts of one app share. */
export interface AppState {
  readonly settings: AppSettings;
  readonly registry: JobRegistry;
  readonly recurring: RecurringRegistry;
  readonly events: EventHub;
  readonly contexts: Contexts;
  readonly middleware: MiddlewareList;
  readonly slot: RuntimeSlot;
  /** The app's own producer, which variants are made from. */
  readonly producer: LazyProducer;
  /** What requests to workers are sent with: whatever the app's own settings are, they are acknowledged by all replicas. */
  readonly requests: LazyProducer;
  /** Those that have not been closed. */
  readonly workers: Set<PartitionHolder>;
  /** What has to end before the app lets go of Kafka, as its workers. Whoever ends earlier takes itself out. */
  readonly closers: Set<() => Promise<void>>;
}
