import type { FetchedBatch, Fetcher } from "../client/fetcher.ts";
import type { Lease } from "../client/lease.ts";
import { listOffsets } from "../client/list-offsets.ts";
import { partitionKey } from "../client/topic-partition.ts";
import { sleep } from "../net/clock.ts";
import type { AppState } from "./app-state.ts";
import type { TopicPartition } from "./events.ts";
import { readPartition } from "./partition-reader.ts";
import type { Runtime } from "./runtime.ts";
import { ScheduleAnswers } from "./schedule-answers.ts";
import { ScheduleContents } from "./schedule-contents.ts";
import { type DispatchParts, ScheduleDispatch } from "./schedule-dispatch.ts";
import { ScheduleTopicSharedError } from "./schedule-errors.ts";
import { ScheduleWindow } from "./schedule-window.ts";
import { ScheduleWriter, WriterEndedError } from "./schedule-writer.ts";

/** What the schedule partitions of a worker share. */
export interface ScheduleContext {
  readonly app: AppState;
  readonly runtime: Runtime;
  readonly lease: Lease;
  readonly fetcher: () => Fetcher;
  /** Bytes of records that each partition may keep ready. */
  readonly room: () => number;
}

export type ScheduleState = "loading" | "running" | "stopped" | "ended";

/** Milliseconds before what failed is tried again. */
const RETRY = 1_000;
const STEP_RETRY = 100;
const ASK_TIMEOUT = 30_000;
/** So often (ms) is told how far reading has got. */
const PROGRESS_EVERY = 1_000;
/** A wall clock that was set on is noticed within this time (ms), where fetches do not wait longer. */
const LONGEST_SLEEP = 1_000;
/** So often may something else take over an assigned partition's id until it is taken for another group's. */
const MOST_REPLACED = 3;

/** What is loaded, and what works on it, until it has to be loaded again. */
interface Loaded {
  readonly contents: ScheduleContents;
  readonly window: ScheduleWindow;
  readonly dispatch: ScheduleDispatch;
  readonly answers: ScheduleAnswers;
}

/**
 * Dispatches from one schedule partition for as long as this worker owns it (S7.3): takes over its transactional id,
 * loads what waits, then sends each entry on its way when it is due, and follows the log for new ones and for requests.
 * Its decisions are made one after the other, each from what the log says and what it has written itself.
 */
export class SchedulePartition {
  readonly topic: string;
  readonly partition: number;
  readonly #context: ScheduleContext;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #state: ScheduleState = "loading";
  #loaded: Loaded | undefined;
  /** What was loaded is out of date. */
  #isStale = false;
  #replaced = 0;
  #wake: (() => void) | undefined;
  /** The log has been followed to here. */
  #position = 0;

  constructor(context: ScheduleContext, { topic, partition }: TopicPartition) {
    this.#context = context;
    this.topic = topic;
    this.partition = partition;
    this.#ended = this.#run();
  }

  get state(): ScheduleState {
    return this.#state;
  }
  /** Entries that wait. */
  get entries(): number {
    return this.#loaded?.contents.index.size ?? 0;
  }
  /** When the next one is due (ms since 1970). */
  get nextDueAt(): number | undefined {
    const index = this.#loaded?.contents.index;
    return index === undefined || index.first < 0 ? undefined : index.dueOf(index.first);
  }
  /** The next offset of its log to be read. */
  get position(): number {
    return this.#position;
  }
  get requests(): number {
    return this.#loaded?.contents.requests.size ?? 0;
  }
  /** Targets that do not take what is due for them. */
  get apart(): readonly TopicPartition[] {
    return this.#loaded?.dispatch.apart.map(({ topic, partition }) => ({ topic, partition })) ?? [];
  }

  get #place(): TopicPartition {
    return { topic: this.topic, partition: this.partition };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted && this.#state !== "stopped") {
      const { app, runtime } = this.#context;
      const { producer, transactionTimeout } = app.settings;
      const writer = new ScheduleWriter(runtime.kafka.cluster, this.#place, producer, transactionTimeout);
      try {
        this.#state = "loading";
        this.#isStale = false;
        await this.#load(writer);
        await this.#work();
      } catch (error) {
        if (!signal.aborted) await this.#failed(error);
      } finally {
        this.#context.fetcher().remove(this.topic, this.partition);
        this.#loaded = undefined;
        await writer.close().catch(() => {});
      }
    }
    if (this.#state !== "stopped") this.#state = "ended";
  }

  async #failed(error: unknown): Promise<void> {
    const { app, runtime, lease } = this.#context;
    const { signal } = this.#stop;
    const isReplaced = error instanceof WriterEndedError && error.isReplaced;
    if (isReplaced && ++this.#replaced >= MOST_REPLACED) {
      this.#state = "stopped";
      const shared = new ScheduleTopicSharedError(this.topic, this.partition, error.cause);
      return app.events.emit("error", { error: shared, during: "dispatching what is due", ...this.#place });
    }
    if (isReplaced) {
      // Whoever has it may have been given the partition: a heartbeat tells.
      await Promise.race([new Promise<void>((wake) => lease.onRenewal(wake)), aborted(signal)]);
      return;
    }
    const cause = error instanceof WriterEndedError ? error.cause : error;
    app.events.emit("error", { error: cause, during: "dispatching what is due", ...this.#place });
    await sleep(runtime.clock, RETRY, signal);
  }

  /** The id first, so that nothing of an earlier owner can count any more; then where the log ends, and all up to there. */
  async #load(writer: ScheduleWriter): Promise<void> {
    const { app, runtime, fetcher, room } = this.#context;
    const { kafka, clock } = runtime;
    const { signal } = this.#stop;
    const began = clock.monotonic();
    await writer.init();
    const { start, end } = await this.#bounds();
    const contents = new ScheduleContents();
    let [told, read] = [began, 0];
    for await (const { records, nextOffset } of readPartition(kafka, this.#place, start, end, signal)) {
      for (const record of records) contents.take(record);
      read += records.length;
      if (clock.monotonic() - told < PROGRESS_EVERY) continue;
      told = clock.monotonic();
      app.events.emit("scheduleLoading", { ...this.#place, read, left: end - nextOffset });
    }
    signal.throwIfAborted();
    const window = new ScheduleWindow(kafka, this.#place, contents.index, signal, room);
    const wake = (): void => this.#wake?.();
    const parts: DispatchParts = {
      runtime,
      events: app.events,
      place: this.#place,
      contents,
      window,
      writer,
      signal,
      wake,
    };
    this.#loaded = { contents, window, dispatch: new ScheduleDispatch(parts), answers: new ScheduleAnswers(parts) };
    this.#position = end;
    this.#state = "running";
    fetcher().add(this.topic, this.partition, end);
    const duration = clock.monotonic() - began;
    app.events.emit("scheduleLoaded", { ...this.#place, entries: contents.index.size, duration });
  }

  async #bounds(): Promise<{ readonly start: number; readonly end: number }> {
    const { cluster } = this.#context.runtime.kafka;
    const { signal } = this.#stop;
    const key = partitionKey(this.topic, this.partition);
    const ends = await listOffsets(cluster, [this.#place], "latest", ASK_TIMEOUT, signal, "readUncommitted");
    const starts = await listOffsets(cluster, [this.#place], "earliest", ASK_TIMEOUT, signal);
    return { start: starts.get(key)!, end: ends.get(key)! };
  }

  async #work(): Promise<void> {
    const { clock } = this.#context.runtime;
    const { window, dispatch, answers } = this.#loaded!;
    const { signal } = this.#stop;
    while (!signal.aborted && !this.#isStale) {
      const now = clock.now();
      window.look(now);
      // Whoever asks for a job to be cancelled has a better claim than the time it is due at.
      let outcome = await answers.step();
      if (outcome === "idle" && !signal.aborted) outcome = await dispatch.step(now);
      if (outcome === "idle") await this.#rest();
      else if (outcome === "failed") await sleep(clock, STEP_RETRY, signal);
    }
  }

  /** Until something is due, or comes. */
  async #rest(): Promise<void> {
    const { app, runtime } = this.#context;
    const { clock } = runtime;
    const { contents, dispatch } = this.#loaded!;
    const next = this.nextDueAt ?? Number.POSITIVE_INFINITY;
    const longest = Math.max(LONGEST_SLEEP, app.fetchWait?.() ?? 0);
    const ms = Math.min(longest, next - clock.now(), dispatch.retryAt - clock.monotonic());
    if (contents.requests.size > 0 || this.#isStale || this.#stop.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = clock.timer(Math.max(0, ms), () => this.#wake?.(), { idle: true });
      this.#wake = () => {
        this.#wake = undefined;
        timer.cancel();
        resolve();
      };
    });
  }

  /** Takes what was fetched of the log. */
  take({ records, nextOffset }: FetchedBatch): void {
    const loaded = this.#loaded;
    if (loaded === undefined) return;
    const now = this.#context.runtime.clock.now();
    for (const record of records) {
      const due = loaded.contents.take(record);
      if (due !== undefined) loaded.window.offer(record, due, now);
    }
    this.#position = nextOffset;
    this.#wake?.();
  }

  /** The log is not what was loaded: it is loaded again. */
  stale(): void {
    this.#isStale = true;
    this.#wake?.();
  }

  /** Ends what it does, in good order: what is on its way has its time to get there. */
  release(): Promise<void> {
    this.#stop.abort();
    this.#wake?.();
    return this.#ended;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve());
  });
}
