import { type Measure, sizes } from "../measure.ts";
import { PROTOCOLS, REBALANCE_COLUMNS, rebalances } from "../rebalance.ts";

const PARTITIONS = 64;

export const rebalanceMembers: Measure = {
  name: "rebalance-members",
  title: "Rebalance time against members",
  axis: { title: "members that are there as one more joins", kind: "log" },
  columns: REBALANCE_COLUMNS,
  panels: [
    { title: "ms until the one more has its share", keys: ["consumer-joined", "classic-joined"] },
    { title: "ms that a job waited at the most", keys: ["consumer-waited", "classic-waited"] },
  ],
  points: sizes([1, 3, 7], [1]),
  prepare:
    async (_bench, { x: members }) =>
    (bench) =>
      rebalances(bench, { partitions: PARTITIONS, members }, bench.isQuick ? ["classic"] : PROTOCOLS),
};
