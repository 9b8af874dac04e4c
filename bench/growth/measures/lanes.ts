import { type Measure, sizes } from "../measure.ts";
import type { Rates, RatesParams } from "../programs/rates.ts";

const WAIT_MS = 5;
const EMPTY_JOBS = 50_000;
const WAITING_JOBS_A_LANE = 300;
const MOST_WAITING_JOBS = 10_000;

type Load = Pick<RatesParams, "jobs" | "does" | "ms">;

export const lanes: Measure = {
  name: "lanes",
  title: "Throughput against lanes",
  axis: { title: "lanes of the one partition (1: none)", kind: "log" },
  columns: [
    { key: "waiting", title: `jobs that wait ${WAIT_MS} ms`, unit: "jobs/s" },
    { key: "ideal", title: "at most possible", unit: "jobs/s" },
    { key: "empty", title: "jobs that do nothing", unit: "jobs/s" },
  ],
  panels: [
    { title: `jobs/s that wait ${WAIT_MS} ms`, keys: ["waiting", "ideal"], log: true },
    { title: "jobs/s that do nothing", keys: ["empty"] },
  ],
  points: sizes([1, 2, 4, 8, 16, 32, 64], [1, 16]),
  async prepare({ isQuick }, { x: count }) {
    const share = isQuick ? 10 : 1;
    const empty: Load = { jobs: EMPTY_JOBS / share, does: "nothing", ms: 0 };
    const waitingJobs = Math.min(MOST_WAITING_JOBS, WAITING_JOBS_A_LANE * count) / share;
    const waiting: Load = { jobs: waitingJobs, does: "waits", ms: WAIT_MS };
    return async (bench) => {
      const rate = async (load: Load): Promise<number> => {
        const params: RatesParams = { ...load, queue: await bench.topic(1), lanes: count, bytes: 100, keys: 10_000 };
        return (await bench.run<Rates>("rates", params)).run;
      };
      return { waiting: await rate(waiting), ideal: (count / WAIT_MS) * 1_000, empty: await rate(empty) };
    };
  },
};
