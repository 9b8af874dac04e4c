import { type Measure, sizes } from "../measure.ts";
import type { Drained, DrainParams } from "../programs/drain.ts";
import type { EnqueueParams } from "../programs/enqueue.ts";
import type { LoadOptions } from "../programs/load.ts";
import type { Rates, RatesParams } from "../programs/rates.ts";

const JOBS = 60_000;
const KEYS = 10_000;

export const partitions: Measure = {
  name: "partitions",
  title: "Throughput and memory against partitions",
  axis: { title: "partitions of the queue", kind: "log" },
  columns: [
    { key: "enqueue", title: "enqueued in bulk", unit: "jobs/s" },
    { key: "run", title: "run", unit: "jobs/s" },
    { key: "wait", title: "from `app.work` to all partitions", unit: "ms" },
    { key: "resident", title: "idle worker, resident", unit: "MB" },
    { key: "held", title: "idle worker, in use", unit: "MB" },
  ],
  panels: [
    { title: "jobs/s", keys: ["enqueue", "run"] },
    { title: "MB of an idle worker", keys: ["resident", "held"] },
  ],
  points: sizes([1, 10, 100, 1_000], [1, 100]),
  async prepare(whole, { x: count }) {
    const jobs = JOBS / (whole.isQuick ? 20 : 1);
    const queue = await whole.topic(count);
    const load: LoadOptions = { queue, bytes: 100, keys: KEYS };
    // Brokers make a partition's files as it is first written to: seconds, with a thousand of them. Whoever is measured
    // finds a queue that has been used before, and runs jobs that others have left there, too.
    await whole.run("enqueue", { ...load, jobs } satisfies EnqueueParams);
    const idle: DrainParams = { queue: await whole.topic(count), partitions: count, jobs: 0 };
    return async (bench) => {
      const params: RatesParams = { ...load, jobs, does: "nothing", ms: 0 };
      const rates = await bench.run<Rates>("rates", params);
      const { after, held, wait } = await bench.run<Drained>("drain", idle);
      return { ...rates, wait, resident: after, held };
    };
  },
};
