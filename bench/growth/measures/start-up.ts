import { randomUUID } from "node:crypto";
import type { Measure } from "../measure.ts";
import type { FirstJobParams, FirstJobTimes } from "../programs/first-job.ts";
import { runtimePoints } from "./runtimes.ts";

const PARTITIONS = 12;

export const startUp: Measure = {
  name: "start-up",
  title: "From the start of a process to its first job",
  axis: { title: "runtime", kind: "names" },
  columns: [
    { key: "loaded", title: "the library is loaded", unit: "ms" },
    { key: "enqueued", title: "a first job is acknowledged", unit: "ms" },
    { key: "ran", title: "a worker starts its first job", unit: "ms" },
  ],
  panels: [{ title: "ms since the process was started", keys: ["loaded", "enqueued", "ran"] }],
  runtimes: true,
  points: runtimePoints,
  async prepare({ runtimes }, { x }) {
    const runtime = runtimes[x]!;
    // A runtime keeps what it has made of the sources, or of their types: that is there from the second start on.
    let isFirst = true;
    return async (bench) => {
      const queue = await bench.topic(PARTITIONS);
      const first = async (what: FirstJobParams["what"]): Promise<FirstJobTimes> => {
        const params: FirstJobParams = { queue, group: `bench-${randomUUID()}`, what };
        const child = bench.start("first-job", params, runtime);
        const { loaded, done } = await child.next<FirstJobTimes>();
        await child.kill();
        return { loaded: loaded - child.startedAt, done: done - child.startedAt };
      };
      if (isFirst) await first("enqueue");
      isFirst = false;
      // Its job is what the worker finds.
      const { loaded, done: enqueued } = await first("enqueue");
      const { done: ran } = await first("run");
      return { loaded, enqueued, ran };
    };
  },
};
