import { appendFileSync } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { now } from "./wall-clock.ts";

/** A worker starts or ends a job. */
export interface RunEvent {
  readonly event: "start" | "end";
  readonly worker: string;
  /** Milliseconds since 1970, with fractions; never goes back within a process. */
  readonly at: number;
  readonly key: string;
  readonly partition: number;
  readonly offset: number;
  /** Of an end: whether the job changed its key's state. */
  readonly changed?: boolean | undefined;
}

/** Adds a line to the worker's log. It is with the operating system when this returns: a kill takes nothing back. */
export function logRun<E extends { readonly worker: string } = Omit<RunEvent, "at">>(
  directory: string,
  event: E,
): void {
  appendFileSync(join(directory, event.worker), `${JSON.stringify({ at: now(), ...event })}\n`);
}

/** Follows the logs of all workers. */
export class RunLogs<E = RunEvent> {
  readonly #directory: string;
  readonly #read = new Map<string, number>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** What has been written since the last call. */
  async next(): Promise<E[]> {
    const workers = (await readdir(this.#directory)).sort();
    return (await Promise.all(workers.map((worker) => this.#nextOf(worker)))).flat();
  }

  async #nextOf(worker: string): Promise<E[]> {
    const from = this.#read.get(worker) ?? 0;
    const bytes = await readFrom(join(this.#directory, worker), from);
    // A worker that is writing, or was killed while it wrote, leaves a line without an end.
    const whole = bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1);
    this.#read.set(worker, from + whole.length);
    const lines = new TextDecoder().decode(whole).split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line));
  }
}

async function readFrom(path: string, from: number): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const bytes = new Uint8Array((await file.stat()).size - from);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
