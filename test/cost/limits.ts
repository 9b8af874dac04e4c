import type { Cost } from "./measure.ts";

/**
 * What each thing that is done very often may allocate, in bytes: a job that is enqueued in bulk, one by one, and run; a
 * record that is sent, and read. A tenth more than it does: raise it only for what is worth it, and lower it where
 * something was gained. What it takes to join a group is among it, shared out over 5,000.
 */
export const BYTES: Readonly<Record<string, Cost>> = {
  bulk: { heap: 2_100, buffers: 50 },
  singles: { heap: 3_500, buffers: 550 },
  run: { heap: 3_650, buffers: 450 },
  produce: { heap: 525, buffers: 50 },
  consume: { heap: 540, buffers: 205 },
};

/** The requests that a thousand jobs take, in memory and on a virtual clock: the same each time, on each runtime. */
export const REQUESTS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  bulk: { Produce: 1 },
  singles: { Produce: 10 },
  run: {
    ...{ ApiVersions: 3, FindCoordinator: 1, Metadata: 1, DescribeConfigs: 2, ListOffsets: 1, OffsetFetch: 1 },
    ...{ ConsumerGroupHeartbeat: 2, Fetch: 4, OffsetCommit: 2 },
  },
};
