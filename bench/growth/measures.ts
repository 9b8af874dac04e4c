import type { Measure } from "./measure.ts";
import { backlog } from "./measures/backlog.ts";
import { keys } from "./measures/keys.ts";
import { lanes } from "./measures/lanes.ts";
import { partitions } from "./measures/partitions.ts";
import { payloadSize } from "./measures/payload-size.ts";
import { rebalanceMembers } from "./measures/rebalance-members.ts";
import { rebalancePartitions } from "./measures/rebalance-partitions.ts";
import { runtimes } from "./measures/runtimes.ts";
import { schedules } from "./measures/schedules.ts";
import { startUp } from "./measures/start-up.ts";
import { workers } from "./measures/workers.ts";

/** In the order in which they are made, and told. */
export const MEASURES: readonly Measure[] = [
  ...[payloadSize, keys, partitions, lanes, workers, backlog, schedules],
  ...[rebalancePartitions, rebalanceMembers, startUp, runtimes],
];
