import { type Measure, sizes } from "../measure.ts";
import type { Drained, DrainParams } from "../programs/drain.ts";
import type { EnqueueParams } from "../programs/enqueue.ts";

const PARTITIONS = 12;

export const backlog: Measure = {
  name: "backlog",
  title: "Memory against backlog",
  axis: { title: "jobs that wait as the worker starts", kind: "log" },
  columns: [
    { key: "peak", title: "resident, at its highest", unit: "MB" },
    { key: "after", title: "resident, once all is run", unit: "MB" },
    { key: "held", title: "in use, at the most", unit: "MB" },
    { key: "run", title: "run", unit: "jobs/s" },
  ],
  panels: [
    { title: "MB", keys: ["peak", "after", "held"] },
    { title: "jobs/s", keys: ["run"] },
  ],
  points: sizes([10_000, 100_000, 1_000_000, 3_000_000], [1_000, 10_000]),
  async prepare(bench, { x: jobs }) {
    const queue = await bench.topic(PARTITIONS);
    const filling: EnqueueParams = { queue, jobs, bytes: 100, keys: 10_000 };
    await bench.run("enqueue", filling);
    const params: DrainParams = { queue, partitions: PARTITIONS, jobs };
    // Each round as another group: what is there is there for all.
    return async (round) => {
      const { peak, after, held, run } = await round.run<Drained>("drain", params);
      return { peak, after, held, run };
    };
  },
};
