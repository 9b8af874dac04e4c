import type { LatencySummary } from "./latency-histogram.ts";
import type { TopicPartition } from "./topic-partition.ts";

/** What one broker was asked and how it answered, since the client was made. Times in milliseconds, sizes in bytes. */
export interface BrokerStatistics {
  /** `host:port`. */
  readonly broker: string;
  readonly connections: number;
  /** Without an answer yet. */
  readonly requestsInFlight: number;
  readonly requests: number;
  readonly requestsFailed: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly connects: number;
  readonly connectsFailed: number;
  /** From sending a request to its answer. Long polls and joins are among them: they wait on purpose. */
  readonly latency: LatencySummary;
  readonly throttles: number;
  readonly throttleTime: number;
}

/** What a producer holds for a partition. */
export interface ProducerPartitionStatistics extends TopicPartition {
  /** Encoded records without a verdict, in bytes. */
  readonly queuedBytes: number;
  readonly queuedBatches: number;
}

/** How far a consumer is with a partition. */
export interface ConsumerPartitionStatistics extends TopicPartition {
  /** The next offset to be fetched. */
  readonly position: number;
  /** The end of what may be read, as the last fetch told: under read_committed, the last stable offset. -1: not known. */
  readonly end: number;
  /** Offsets from `position` to there; -1: not known. What was fetched and is not yet worked on is not counted. */
  readonly lag: number;
  readonly isPaused: boolean;
}

/** A snapshot of a client. */
export interface ClientStatistics {
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly brokers: readonly BrokerStatistics[];
  readonly producers: readonly ProducerPartitionStatistics[];
  readonly consumers: readonly ConsumerPartitionStatistics[];
}

/** What a part of the client adds to a snapshot. */
export interface StatisticsSource {
  producer?(): Iterable<ProducerPartitionStatistics>;
  consumer?(): Iterable<ConsumerPartitionStatistics>;
}

/** The parts of a client that have something to tell, while they live. */
export class StatisticsSources {
  readonly #sources = new Set<StatisticsSource>();

  /** Takes in a source; returns its remover. */
  add(source: StatisticsSource): () => void {
    this.#sources.add(source);
    return () => void this.#sources.delete(source);
  }

  snapshot(): Pick<ClientStatistics, "producers" | "consumers"> {
    const sources = [...this.#sources];
    return {
      producers: sources.flatMap((source) => [...(source.producer?.() ?? [])]),
      consumers: sources.flatMap((source) => [...(source.consumer?.() ?? [])]),
    };
  }
}
