import { stateOf } from "../../src/jobs/app.ts";
import type { RunningJob } from "../../src/jobs/job-options.ts";
import { readPartition } from "../../src/jobs/partition-reader.ts";
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

/** All that is committed of progress in `<group>-state`, in the order of its partitions; null: its end. */
export async function saves(
  bench: WorkerBench,
): Promise<{ readonly name: string; readonly progress: Progress | null }[]> {
  const partitions = bench.broker.topics().find(({ name }) => name === STATE)?.partitions ?? [];
  const { kafka } = stateOf(readerOf(bench).app).slot.use();
  const { signal } = new AbortController();
  const found: { name: string; progress: Progress | null }[] = [];
  for (const { index: partition, logEndOffset, logStartOffset } of partitions) {
    if (logEndOffset === logStartOffset) continue;
    const place = { topic: STATE, partition };
    for await (const { records } of readPartition(kafka, place, logStartOffset, logEndOffset, signal)) {
      for (const { key, value } of records) {
        const name = decoder.decode(key!);
        const progress = value === null ? null : decodeProgress(decoder.decode(value))!;
        if (name.startsWith("progress/")) found.push({ name, progress });
      }
    }
  }
  return found;
}

/** What is kept of progress, as a reader of the compacted topic finds it. */
export async function savedProgress(bench: WorkerBench): Promise<Map<string, Progress>> {
  const last = new Map<string, Progress>();
  for (const { name, progress } of await bench.run(saves(bench))) {
    if (progress === null) last.delete(name);
    else last.set(name, progress);
  }
  return last;
}

const readers = new WeakMap<WorkerBench, WorkerProcess>();

function readerOf(bench: WorkerBench): WorkerProcess {
  const reader = readers.get(bench) ?? bench.process("reader");
  readers.set(bench, reader);
  return reader;
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
