import type { RunningJob } from "../../src/jobs/job-options.ts";
import { decodeProgress, type Progress } from "../../src/jobs/progress.ts";
import type { QueueOptions } from "../../src/jobs/queue-options.ts";
import type { WorkerBench, WorkerProcess } from "./worker-bench.ts";

export const STATE: string = "workers-state";
export const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);
export const QUEUE: QueueOptions = { backoff: { initial: "100ms", max: "1s", jitter: 0 } };
const decoder = new TextDecoder();

/** Writes jobs named `work` with these keys; each payload is its place in the list. */
export async function produceKeys(
  bench: WorkerBench,
  keys: readonly (string | undefined)[],
  partition = 0,
): Promise<void> {
  await bench.produceRecords(
    keys.map((key, n) => ({
      ...{ topic: "q", partition, value: JSON.stringify(n), headers: { "ottla-job": "work" } },
      ...(key === undefined ? {} : { key }),
    })),
  );
}

/** What `<group>-state` has of progress, as a reader of the compacted topic would find it, by offset. */
export function savedProgress(bench: WorkerBench): Map<string, Progress> {
  const last = new Map<string, Progress>();
  const topic = bench.broker.topics().find(({ name }) => name === STATE);
  for (const { index } of topic?.partitions ?? []) {
    for (const { key, value } of bench.records(STATE, index)) {
      const name = decoder.decode(key!);
      if (!name.startsWith("progress/")) continue;
      if (value === null) last.delete(name);
      else last.set(name, decodeProgress(decoder.decode(value))!);
    }
  }
  return last;
}

/** A gate that jobs of a test wait at. */
export class Gate {
  #open!: () => void;
  readonly opened: Promise<void> = new Promise((resolve) => {
    this.#open = resolve;
  });
  /** Somebody waits at it. */
  isReached = false;

  async pass(): Promise<void> {
    this.isReached = true;
    await this.opened;
  }

  open(): void {
    this.#open();
  }
}

/** Goes over rows up to `count` in steps of the clock, and notes each. */
export async function overRows(
  job: RunningJob,
  process: WorkerProcess,
  count: number,
  note: (row: number) => void,
  ms = 10,
): Promise<void> {
  await job.step("rows", async (step) => {
    for (let row = step.cursor ?? 0; row < count; row++) {
      await process.sleep(ms);
      note(row);
      await step.advance({ from: row });
    }
  });
}
