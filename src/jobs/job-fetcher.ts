import type { Cluster } from "../client/cluster.ts";
import { Fetcher } from "../client/fetcher.ts";
import type { AppState } from "./app-state.ts";
import type { FlowControl } from "./flow-control.ts";
import type { GroupState } from "./group-state.ts";
import type { OwnedExecutors } from "./owned-executors.ts";
import type { WorkSettings } from "./work-options.ts";
import type { WorkerTopics } from "./worker-topics.ts";

/** How long (ms) a broker holds a fetch back while there is nothing. */
const FETCH_WAIT = 500;

/** What a worker's fetcher works for. */
interface FetchedFor {
  readonly app: AppState;
  readonly cluster: Cluster;
  readonly settings: Pick<WorkSettings, "maxBufferedBytes">;
  readonly executors: OwnedExecutors;
  readonly flow: FlowControl;
  readonly state: GroupState;
  readonly topics: WorkerTopics;
}

/** Fetches a worker's jobs, and what its group's state topic has to say, each for whom it is for. */
export function makeJobFetcher({ app, cluster, settings, executors, flow, state, topics }: FetchedFor): Fetcher {
  const fetcher: Fetcher = new Fetcher(
    cluster,
    {
      isolation: "readCommitted",
      get maxWait() {
        return app.fetchWait?.() ?? FETCH_WAIT;
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
        if (batch.topic === state.topic) state.reader?.take(batch);
        else executors.get(batch)?.take(batch);
      },
      outOfRange: (partition, offset) => {
        if (partition.topic === state.topic) void state.reader?.outOfRange(partition.partition);
        else void executors.outOfRange(partition, offset);
      },
      failed: ({ topic, partition }, error) => {
        if (error.retriable)
          topics.unlessGone(topic, () =>
            app.events.emit("error", { error, during: "fetching jobs", topic, partition }),
          );
        else if (topic === state.topic) void state.reader?.failed(partition, error);
        else executors.get({ topic, partition })?.stop(error, "fetching jobs");
      },
    },
  );
  return fetcher;
}
