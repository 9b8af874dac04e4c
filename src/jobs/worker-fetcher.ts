import type { Cluster } from "../client/cluster.ts";
import type { KafkaError } from "../client/errors.ts";
import { Fetcher } from "../client/fetcher.ts";
import type { AppState } from "./app-state.ts";
import type { TopicPartition } from "./events.ts";
import type { FlowControl } from "./flow-control.ts";
import type { OwnedExecutors } from "./owned-executors.ts";
import type { TopicReader } from "./topic-reader.ts";
import type { Turn } from "./turn.ts";
import type { WorkSettings } from "./work-options.ts";
import type { WorkerTopics } from "./worker-topics.ts";

/** What a worker's fetcher serves. */
export interface FetcherParts {
  readonly app: AppState;
  readonly settings: WorkSettings;
  readonly flow: FlowControl;
  readonly turn: Turn;
  readonly topics: WorkerTopics;
  readonly executors: OwnedExecutors;
  readonly readers: readonly TopicReader[];
}

const FETCH_WAIT = 500;

/** Reads all that a worker follows: the queues' partitions for their executors, and other topics for their readers. */
export function workerFetcher(cluster: Cluster, parts: FetcherParts): Fetcher {
  const { app, settings, flow, turn, executors, readers } = parts;
  const readerOf = (topic: string): TopicReader | undefined => readers.find((reader) => reader.isOne(topic));
  const fetcher: Fetcher = new Fetcher(
    cluster,
    {
      isolation: "readCommitted",
      get maxWait() {
        return app.slot.fetchWait ?? FETCH_WAIT;
      },
      maxBytes: Math.max(1, Math.floor(settings.maxBufferedBytes / 4)),
      ownBytes: true,
      // It changes with the number of partitions, so that all of them together stay within bounds.
      get partitionMaxBytes() {
        return flow.fetchBytes;
      },
    },
    {
      fetched: (chunk) => {
        const batch = fetcher.read(chunk);
        if (batch === undefined) return;
        const reader = readerOf(batch.topic);
        if (reader === undefined) executors.get(batch)?.take(batch);
        else reader.take(batch);
      },
      answered: () => turn.came(),
      outOfRange: (place, offset) => {
        const reader = readerOf(place.topic);
        if (reader === undefined) void executors.outOfRange(place, offset);
        else reader.outOfRange(place);
      },
      truncated: (place, error) => {
        const reader = readerOf(place.topic);
        if (reader === undefined) executors.truncated(place, error);
        else reader.failed(place, error);
      },
      failed: (place, error) => failed(parts, readerOf(place.topic), place, error),
    },
  );
  return fetcher;
}

function failed(
  { app, topics, executors }: FetcherParts,
  reader: TopicReader | undefined,
  { topic, partition }: TopicPartition,
  error: KafkaError,
): void {
  if (error.retriable)
    topics.unlessGone(topic, () => app.events.emit("error", { error, during: "fetching jobs", topic, partition }));
  else if (reader === undefined) executors.get({ topic, partition })?.stop(error, "fetching jobs");
  else reader.failed({ topic, partition }, error);
}
