import type { Measure } from "../measure.ts";
import type { OwnRatesParams } from "../programs/own-rates.ts";

const PARTITIONS = 12;

/** Beside each other, in the order in which they were found. */
export const runtimePoints: Measure["points"] = ({ runtimes }) => runtimes.map(({ name }, x) => ({ x, label: name }));

export const runtimes: Measure = {
  name: "runtimes",
  title: "The same on each runtime",
  axis: { title: "runtime", kind: "names" },
  columns: [
    { key: "bulk", title: "enqueued in bulk", unit: "jobs/s" },
    { key: "singles", title: "enqueued one by one, 100 at a time", unit: "jobs/s" },
    { key: "run", title: "run", unit: "jobs/s" },
    { key: "p50", title: "from enqueue to start, p50", unit: "ms" },
    { key: "p99", title: "from enqueue to start, p99", unit: "ms" },
  ],
  panels: [
    { title: "jobs/s", keys: ["bulk", "singles", "run"] },
    { title: "ms from enqueue to start", keys: ["p50", "p99"] },
  ],
  runtimes: true,
  points: runtimePoints,
  async prepare({ runtimes: all, isQuick }, { x }) {
    const share = isQuick ? 40 : 1;
    return async (bench) => {
      const measured = async <T>(what: OwnRatesParams["what"], jobs: number): Promise<T> => {
        const params: OwnRatesParams = { what, jobs: Math.ceil(jobs / share), queue: await bench.topic(PARTITIONS) };
        return bench.run<T>("own-rates", params, all[x]);
      };
      const { value: bulk } = await measured<{ readonly value: number }>("bulk", 60_000);
      const { value: singles } = await measured<{ readonly value: number }>("singles", 30_000);
      const { value: run } = await measured<{ readonly value: number }>("run", 60_000);
      const { p50, p99 } = await measured<{ readonly p50: number; readonly p99: number }>("latency", 1_000);
      return { bulk, singles, run, p50, p99 };
    };
  },
};
