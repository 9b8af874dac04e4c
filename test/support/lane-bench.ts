import type { QueueOptions } from "../../src/jobs/queue-options.ts";
import type { VirtualPartitionsOptions } from "../../src/jobs/virtual-partitions.ts";
import type { WorkerBench, WorkerProcess } from "./worker-bench.ts";

export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
export const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);
const backoff = { initial: "1s", max: "10s", jitter: 0 } as const;

/** A job as these tests enqueue it: what it is of, and what it does. */
export interface Work {
  readonly key?: string;
  readonly takes?: number;
  readonly does?: string;
}

export async function produce(bench: WorkerBench, jobs: readonly Work[], partition = 0): Promise<void> {
  await bench.produceRecords(
    jobs.map(({ key, ...payload }) => ({
      ...{ topic: "q", partition, value: JSON.stringify(payload), headers: { "ottla-job": "work" } },
      ...(key === undefined ? {} : { key }),
    })),
  );
}

export function lanes(bench: WorkerBench, name: string, options: Partial<QueueOptions> = {}): WorkerProcess {
  return bench.process(name, { queues: { q: { virtualPartitions: { max: 4 }, backoff, ...options } } });
}

/** Keeps a lane for those that hold others up. */
export const apart: VirtualPartitionsOptions = {
  max: 4,
  reducer: (key: string): number => (key === "slow" || key === "bad" ? 0 : 1 + (key.charCodeAt(1) % 3)),
};

export interface Watched {
  /** The most jobs that ran at once. */
  most: number;
  /** Keys of which one started while another ran. */
  readonly together: string[];
}

/** Defines the job `work`, and watches what of it runs beside each other. */
export function watched(
  process: WorkerProcess,
  perform: (work: Work, attempt: number, offset: number) => unknown = () => {},
): Watched {
  const running = new Map<number, string | undefined>();
  const seen: Watched = { most: 0, together: [] };
  process.job("q", async (payload, { attempt, key, offset }, { sleep }) => {
    const work = payload as Work;
    if (key !== undefined && [...running.values()].includes(key)) seen.together.push(key);
    running.set(offset, key);
    seen.most = Math.max(seen.most, running.size);
    try {
      await sleep(work.takes ?? 10);
      await perform(work, attempt, offset);
    } finally {
      running.delete(offset);
    }
  });
  return seen;
}
