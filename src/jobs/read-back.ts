import { KafkaError } from "../client/errors.ts";
import { listOffsets } from "../client/list-offsets.ts";
import { partitionKey } from "../client/topic-partition.ts";
import { sleep } from "../net/clock.ts";
import type { Buffered } from "./flow-control.ts";
import type { JobRecord } from "./received-job.ts";
import type { WorkerContext } from "./worker-context.ts";

/** A partition whose log is read from further back than its jobs are run. */
export interface ReadBackSource extends Buffered {
  readonly state: string;
  stop(error: unknown, during: string): void;
}

/** What one fetch brought, as far as it is read here. */
export interface ReadBackFetch {
  readonly records: readonly JobRecord[];
  readonly nextOffset: number;
}

const ASK_TIMEOUT = 10_000;
/** Milliseconds before what failed is asked again. */
const RETRY = 1_000;

/**
 * Has a new owner see what came before the first job that it runs, by time: the first fetch says when that job was
 * written, the partition is read once more from so much earlier, and then its jobs are fetched again. So it costs no
 * connection and no memory of its own, fails as any fetch does, and a partition without jobs reads nothing back.
 */
export class ReadBack {
  readonly #context: WorkerContext;
  readonly #source: ReadBackSource;
  readonly #span: number;
  readonly #see: (records: readonly JobRecord[]) => void;
  /** "asking": where to begin is being found out. `to`: records before it are read and not run. */
  #step: "waiting" | "asking" | "done" | { readonly to: number } = "waiting";

  /** `span`: milliseconds. `see` is given the records of the past, in order. */
  constructor(
    context: WorkerContext,
    source: ReadBackSource,
    span: number,
    see: (records: readonly JobRecord[]) => void,
  ) {
    this.#context = context;
    this.#source = source;
    this.#span = span;
    this.#see = see;
  }

  /** Whether jobs wait for what is read. */
  get isUnderWay(): boolean {
    return this.#step === "asking" || typeof this.#step === "object";
  }

  /** The log is read from its beginning: nothing came before. */
  omit(): void {
    this.#step = "done";
  }

  /** Takes what was fetched; false: it is to be run. */
  take({ records, nextOffset }: ReadBackFetch): boolean {
    if (this.#step === "done") return false;
    if (this.#step === "waiting") {
      const [first] = records;
      if (first !== undefined) void this.#begin(first);
      return first !== undefined;
    }
    if (this.#step === "asking") return true;
    const { to } = this.#step;
    this.#see(records.filter(({ offset }) => offset < to));
    if (nextOffset >= to) this.#end(to);
    return true;
  }

  async #begin({ offset: to, timestamp }: JobRecord): Promise<void> {
    const { clock, flow } = this.#context;
    this.#step = "asking";
    flow.remove(this.#source);
    // A producer's clock that is ahead must not hide what came before, nor one that is not set have all read.
    const time = timestamp > 0 ? Math.min(timestamp, clock.now()) : clock.now();
    const from = await this.#offsetAt(Math.max(0, time - this.#span));
    if (from === undefined || this.#source.state !== "running") return;
    if (from >= to) return this.#end(to);
    this.#step = { to };
    flow.add(this.#source, from);
  }

  /** The first offset as late as `time`; undefined: the partition does not run any more. */
  async #offsetAt(time: number): Promise<number | undefined> {
    const { app, clock, events } = this.#context;
    const { topic, partition } = this.#source;
    const during = "finding the jobs whose ids are to be known";
    while (this.#source.state === "running") {
      try {
        const { cluster } = app.slot.use().kafka;
        const found = await listOffsets(cluster, [{ topic, partition }], { time }, ASK_TIMEOUT);
        return found.get(partitionKey(topic, partition))!;
      } catch (error) {
        if (this.#source.state !== "running") return undefined;
        if (error instanceof KafkaError && !error.retriable) this.#source.stop(error, during);
        else events.emit("error", { error, during, topic, partition });
        await sleep(clock, RETRY);
      }
    }
    return undefined;
  }

  /**
   * The log, which begins at `start`, does not have `offset`: what is gone is not read back. False: it is a job that it
   * does not have.
   */
  outOfRange(offset: number, start: number): boolean {
    if (typeof this.#step !== "object") return false;
    const { to } = this.#step;
    if (offset < start && start < to) this.#context.flow.add(this.#source, start);
    else this.#end(to);
    return true;
  }

  #end(to: number): void {
    this.#step = "done";
    this.#context.flow.add(this.#source, to);
  }
}
