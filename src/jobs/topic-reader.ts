import type { KafkaError } from "../client/errors.ts";
import type { FetchedBatch } from "../client/fetcher.ts";
import type { TopicPartition } from "./events.ts";

/** Who takes what is fetched of topics that carry no jobs. */
export interface TopicReader {
  isOne(topic: string): boolean;
  take(batch: FetchedBatch): void;
  /** The position is not in the log. */
  outOfRange(place: TopicPartition): void;
  /** The partition stands still. */
  failed(place: TopicPartition, error: KafkaError): void;
}
