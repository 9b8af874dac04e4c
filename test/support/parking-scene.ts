import { Discard } from "../../src/jobs/job-controls.ts";
import type { QueueOptions } from "../../src/jobs/queue-options.ts";
import type { WorkerBench, WorkerProcess } from "./worker-bench.ts";

export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
export const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);
export const STATE: string = "workers-state";

/** A job as these tests enqueue it. */
export interface Work {
  readonly key?: string;
  readonly n?: number;
  readonly does?: "fails" | "kills" | "goes";
}

export async function produce(bench: WorkerBench, jobs: readonly Work[]): Promise<void> {
  await bench.produceRecords(
    jobs.map(({ key, ...payload }) => ({
      ...{ topic: "q", partition: 0, value: JSON.stringify(payload), headers: { "ottla-job": "work" } },
      ...(key === undefined ? {} : { key }),
    })),
  );
}

/** What the workers of a test share. */
export class Scene {
  readonly bench: WorkerBench;
  readonly options: Partial<QueueOptions>;
  /** Jobs that fail do so while it is true. */
  isBroken = true;
  /** How long each run takes, in ms. */
  takes = 5;
  readonly done: string[] = [];

  constructor(bench: WorkerBench, options: Partial<QueueOptions> = {}) {
    this.bench = bench;
    this.options = { backoff: { initial: "100ms", max: "1s", jitter: 0 }, maxRetries: 2, ...options };
  }

  process(name: string): WorkerProcess {
    const process = this.bench.process(name, { queues: { q: { whenExhausted: "park", ...this.options } } });
    return process.job("q", async (payload, { key }) => {
      const { does, n } = payload as Work;
      await process.sleep(this.takes);
      if (this.isBroken && does === "kills") {
        process.crash();
        await new Promise(() => {});
      }
      if (this.isBroken && does === "fails") throw new Error("does not work");
      if (does === "goes") throw new Discard("not wanted");
      this.done.push(`${key ?? ""}${n ?? ""}`);
    });
  }

  /** Records that the state topic has of each kind, as a compacted reader would have it. */
  get kept(): Record<string, number> {
    const last = new Map<string, boolean>();
    const { partitions } = this.bench.broker.topics().find(({ name }) => name === STATE)!;
    for (const { index } of partitions)
      for (const { key, value } of this.bench.records(STATE, index))
        last.set(new TextDecoder().decode(key!), value !== null);
    const counts: Record<string, number> = {};
    for (const [key, isThere] of last) {
      const kind = key.split("/")[0]!;
      if (isThere) counts[kind] = (counts[kind] ?? 0) + 1;
    }
    return counts;
  }
}

export const keyed = (key: string, count: number, first: Work["does"]): Work[] =>
  range(count).map((n) => ({ key, n, ...(n === 0 && first !== undefined ? { does: first } : {}) }));
export const mixed = (...lists: readonly Work[][]): Work[] =>
  range(Math.max(...lists.map(({ length }) => length))).flatMap((i) => lists.flatMap((list) => list[i] ?? []));
