import { type Measure, sizes } from "../measure.ts";
import type { Rates, RatesParams } from "../programs/rates.ts";

const PARTITIONS = 12;
/** With as many partitions, more than a worker's 100 jobs at once would be possible but for the keys. */
const LANES = 16;
const WAIT_MS = 5;
const EMPTY_JOBS = 50_000;
/** Of one key, and of any number of them: one after the other takes long enough. */
const WAITING_JOBS_OF_ONE = 400;
const WAITING_JOBS = 20_000;

type Load = Omit<RatesParams, "queue" | "bytes" | "keys">;

export const keys: Measure = {
  name: "keys",
  title: "Throughput against the number of keys",
  axis: { title: "keys", kind: "log" },
  columns: [
    { key: "evenEmpty", title: "jobs that do nothing, even", unit: "jobs/s" },
    { key: "zipfEmpty", title: "jobs that do nothing, Zipf", unit: "jobs/s" },
    { key: "evenWaiting", title: `jobs of ${WAIT_MS} ms in lanes, even`, unit: "jobs/s" },
    { key: "zipfWaiting", title: `jobs of ${WAIT_MS} ms in lanes, Zipf`, unit: "jobs/s" },
  ],
  panels: [
    { title: "jobs/s that do nothing", keys: ["evenEmpty", "zipfEmpty"] },
    { title: `jobs/s that wait ${WAIT_MS} ms, in lanes`, keys: ["evenWaiting", "zipfWaiting"], log: true },
  ],
  points: sizes([1, 10, 100, 1_000, 10_000, 100_000], [1_000]),
  async prepare({ isQuick }, { x: count }) {
    const share = isQuick ? 20 : 1;
    const empty: Load = { jobs: EMPTY_JOBS / share, does: "nothing", ms: 0 };
    const waiting: Load = {
      jobs: Math.min(WAITING_JOBS, WAITING_JOBS_OF_ONE * count) / share,
      does: "waits",
      ms: WAIT_MS,
      lanes: LANES,
    };
    return async (bench) => {
      const rate = async (spread: "even" | "zipf", load: Load): Promise<number> => {
        const queue = await bench.topic(PARTITIONS);
        const params: RatesParams = { ...load, queue, bytes: 100, keys: count, spread };
        return (await bench.run<Rates>("rates", params)).run;
      };
      return {
        evenEmpty: await rate("even", empty),
        zipfEmpty: await rate("zipf", empty),
        evenWaiting: await rate("even", waiting),
        zipfWaiting: await rate("zipf", waiting),
      };
    };
  },
};
