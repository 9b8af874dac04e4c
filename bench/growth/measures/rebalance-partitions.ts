import { type Measure, sizes } from "../measure.ts";
import { PROTOCOLS, REBALANCE_COLUMNS, rebalances } from "../rebalance.ts";

export const rebalancePartitions: Measure = {
  name: "rebalance-partitions",
  title: "Rebalance time against partitions",
  axis: { title: "partitions of the queue", kind: "log" },
  columns: REBALANCE_COLUMNS,
  panels: [
    { title: "ms until a second worker has its share", keys: ["consumer-joined", "classic-joined"] },
    { title: "ms that a job waited at the most", keys: ["consumer-waited", "classic-waited"] },
  ],
  points: sizes([10, 100, 1_000], [10]),
  prepare:
    async (_bench, { x: partitions }) =>
    (bench) =>
      rebalances(bench, { partitions, members: 1 }, bench.isQuick ? ["consumer"] : PROTOCOLS),
};
