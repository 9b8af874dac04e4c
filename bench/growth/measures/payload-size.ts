import { type Measure, sizes } from "../measure.ts";
import type { Rates, RatesParams } from "../programs/rates.ts";

const PARTITIONS = 12;
const MOST_JOBS = 60_000;
/** What all payloads of a round have together at most. */
const MOST_BYTES = 200_000_000;

export const payloadSize: Measure = {
  name: "payload-size",
  title: "Throughput against payload size",
  axis: { title: "bytes of a payload", kind: "log" },
  columns: [
    { key: "enqueue", title: "enqueued in bulk", unit: "jobs/s" },
    { key: "run", title: "run", unit: "jobs/s" },
    { key: "enqueueBytes", title: "enqueued in bulk", unit: "MB/s" },
    { key: "runBytes", title: "run", unit: "MB/s" },
  ],
  panels: [
    { title: "jobs/s", keys: ["enqueue", "run"], log: true },
    { title: "MB/s of payloads", keys: ["enqueueBytes", "runBytes"] },
  ],
  points: sizes([32, 100, 1_000, 10_000, 100_000, 900_000], [100, 100_000]),
  async prepare({ isQuick }, { x: bytes }) {
    const jobs = Math.ceil(Math.min(MOST_JOBS, MOST_BYTES / bytes) / (isQuick ? 40 : 1));
    return async (bench) => {
      const queue = await bench.topic(PARTITIONS);
      const params: RatesParams = { queue, jobs, bytes, keys: 1_000, does: "nothing", ms: 0 };
      const { enqueue, run } = await bench.run<Rates>("rates", params);
      return { enqueue, run, enqueueBytes: (enqueue * bytes) / 1e6, runBytes: (run * bytes) / 1e6 };
    };
  },
};
