import { type Measure, sizes } from "../measure.ts";
import type { DrainParams } from "../programs/drain.ts";
import type { RatesParams } from "../programs/rates.ts";

const JOBS = 60_000;
const KEYS = 10_000;

interface Idle {
  readonly after: number;
  readonly held: number;
  readonly wait: number;
}

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
  async prepare({ isQuick }, { x: count }) {
    const jobs = JOBS / (isQuick ? 20 : 1);
    return async (bench) => {
      const queue = await bench.topic(count);
      const params: RatesParams = { queue, jobs, bytes: 100, keys: KEYS, does: "nothing", ms: 0 };
      const rates = await bench.run<{ readonly enqueue: number; readonly run: number }>("rates", params);
      const idle: DrainParams = { queue: await bench.topic(count), partitions: count, jobs: 0 };
      const { after, held, wait } = await bench.run<Idle>("drain", idle);
      return { ...rates, wait, resident: after, held };
    };
  },
};
