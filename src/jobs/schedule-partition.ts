import { type BackoffOptions, backoffDelay } from "../client/backoff.ts";
import type { FetchedBatch, Fetcher } from "../client/fetcher.ts";
import type { Lease } from "../client/lease.ts";
import { type Clock, sleep } from "../net/clock.ts";
import type { AppState } from "./app-state.ts";
import type { TopicPartition } from "./events.ts";
import type { LoadTurns } from "./load-turns.ts";
import type { Runtime } from "./runtime.ts";
import { ScheduleAnswers } from "./schedule-answers.ts";
import type { ScheduleContents } from "./schedule-contents.ts";
import { type DispatchParts, ScheduleDispatch } from "./schedule-dispatch.ts";
import { ScheduleTopicSharedError } from "./schedule-errors.ts";
import { loadSchedule } from "./schedule-load.ts";
import type { ScheduleWindow } from "./schedule-window.ts";
import { ScheduleWriter, WriterEndedError } from "./schedule-writer.ts";

/** What the schedule partitions of a worker share. */
export interface ScheduleContext {
  readonly app: AppState;
  readonly runtime: Runtime;
  readonly lease: Lease;
  readonly fetcher: () => Fetcher;
  /** Bytes of records that each partition may keep ready. */
  readonly room: () => number;
  readonly turns: LoadTurns;
}

export type ScheduleState = "loading" | "running" | "stopped" | "ended";

/** Milliseconds before what failed is tried again. */
const BACKOFF: BackoffOptions = { initial: 1_000, max: 30_000 };
const STEP_BACKOFF: BackoffOptions = { initial: 100, max: 5_000 };
/** What has gone on for so long (ms) counts as mended. */
const CALM = 60_000;
const DURING = "dispatching what is due";
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
  /** What is loaded, or is being loaded, is out of date. */
  #endRound: () => void = () => {};
  #replaced = 0;
  /** Times that it had to load again, one soon after the other. */
  #failures = 0;
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
  /** Of records that are kept ready. */
  get bufferedBytes(): number {
    return this.#loaded?.window.bytes ?? 0;
  }
  /** When the next one is due, or was that is on its way (ms since 1970). */
  get nextDueAt(): number | undefined {
    if (this.#loaded === undefined) return undefined;
    const { contents, dispatch } = this.#loaded;
    const { index } = contents;
    return dispatch.inHandDueAt ?? (index.first < 0 ? undefined : index.dueOf(index.first));
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

  get #clock(): Clock {
    return this.#context.runtime.clock;
  }
  get #place(): TopicPartition {
    return { topic: this.topic, partition: this.partition };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted && this.#state !== "stopped") {
      this.#state = "loading";
      const began = this.#clock.monotonic();
      let error: unknown;
      try {
        await this.#round();
      } catch (thrown) {
        error = thrown;
      }
      if (signal.aborted) break;
      this.#context.fetcher().remove(this.topic, this.partition);
      if (this.#clock.monotonic() - began > CALM) this.#failures = 0;
      await this.#failed(error);
    }
    if (this.#state !== "stopped") this.#state = "ended";
  }

  /** Loads, and works until that has to be done again. */
  async #round(): Promise<void> {
    const { app, runtime } = this.#context;
    const { producer, transactionTimeout } = app.settings;
    const stop = this.#stop.signal;
    const round = new AbortController();
    const end = (): void => round.abort();
    this.#endRound = end;
    stop.addEventListener("abort", end);
    let writer: ScheduleWriter | undefined;
    try {
      await this.#renewed(() => this.#context.lease.isValid);
      writer = new ScheduleWriter(runtime.kafka.cluster, this.#place, producer, transactionTimeout);
      await this.#load(writer, round.signal);
      await this.#work(round.signal);
    } finally {
      stop.removeEventListener("abort", end);
      round.abort();
      this.#loaded = undefined;
      await writer?.close().catch(() => {});
    }
  }

  /** Waits for an answered heartbeat, unless `isSo` already: whoever has lost the partition must not take its id over. */
  async #renewed(isSo: () => boolean): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted || isSo()) return;
    await new Promise<void>((resolve) => {
      this.#context.lease.onRenewal(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  async #failed(error: unknown): Promise<void> {
    const { app } = this.#context;
    const { signal } = this.#stop;
    const ended = error instanceof WriterEndedError ? error : undefined;
    if (ended?.isReplaced && ++this.#replaced >= MOST_REPLACED) {
      this.#state = "stopped";
      const shared = new ScheduleTopicSharedError(this.topic, this.partition, ended.cause);
      return app.events.emit("error", { error: shared, during: DURING, ...this.#place });
    }
    // Whoever has its id may have been given the partition: a heartbeat tells.
    if (ended?.isReplaced) return this.#renewed(() => false);
    // What went out of date has been told of, or is no error.
    if (error !== undefined && !isAbort(error))
      app.events.emit("error", { error: ended?.cause ?? error, during: DURING, ...this.#place });
    if (ended?.isFenced) await this.#renewed(() => false);
    this.#failures++;
    await sleep(this.#clock, backoffDelay(BACKOFF, this.#failures, this.#clock), signal);
  }

  async #load(writer: ScheduleWriter, signal: AbortSignal): Promise<void> {
    const { app, runtime, fetcher, room, turns } = this.#context;
    const began = this.#clock.monotonic();
    const { contents, window, end, epoch } = await loadSchedule(
      { runtime, events: app.events, place: this.#place, room, turns, signal },
      writer,
    );
    const wake = (): void => this.#wake?.();
    const parts: DispatchParts = {
      ...{ runtime, events: app.events, place: this.#place },
      ...{ contents, window, writer, signal, wake },
    };
    this.#loaded = { contents, window, dispatch: new ScheduleDispatch(parts), answers: new ScheduleAnswers(parts) };
    this.#position = end;
    this.#state = "running";
    fetcher().add(this.topic, this.partition, end, epoch);
    const duration = this.#clock.monotonic() - began;
    app.events.emit("scheduleLoaded", { ...this.#place, entries: contents.index.size, duration });
  }

  async #work(signal: AbortSignal): Promise<void> {
    const { window, dispatch, answers } = this.#loaded!;
    let failures = 0;
    while (!signal.aborted) {
      const now = this.#clock.now();
      window.look(now);
      // Whoever asks for a job to be cancelled has a better claim than the time it is due at; but many who ask, one
      // after the other, hold up nothing.
      const answered = await answers.step();
      if (signal.aborted) return;
      const dispatched = answered === "failed" ? answered : await dispatch.step(now);
      failures = dispatched === "failed" ? failures + 1 : 0;
      if (failures > 0) await sleep(this.#clock, backoffDelay(STEP_BACKOFF, failures, this.#clock), signal);
      else if (answered === "idle" && dispatched === "idle") await this.#rest(signal);
    }
  }

  /** Until something is due, or comes. */
  async #rest(signal: AbortSignal): Promise<void> {
    const { app } = this.#context;
    const clock = this.#clock;
    const { contents, dispatch } = this.#loaded!;
    const next = this.nextDueAt ?? Number.POSITIVE_INFINITY;
    const longest = Math.max(LONGEST_SLEEP, app.slot.fetchWait ?? 0);
    const ms = Math.min(longest, next - clock.now(), dispatch.retryAt - clock.monotonic());
    if (contents.requests.size > 0 || signal.aborted) return;
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
    const now = this.#clock.now();
    for (const record of records) {
      const due = loaded.contents.follow(record);
      if (due !== undefined) loaded.window.offer(record, due, now);
    }
    this.#position = nextOffset;
    this.#wake?.();
  }

  /** The log is not what was loaded, or is being loaded: it is loaded again. */
  stale(): void {
    this.#endRound();
    this.#wake?.();
  }

  /** Ends what it does, in good order: what is on its way has its time to get there. */
  release(): Promise<void> {
    // Not later: by then somebody else may follow the partition here, once it has come back.
    if (!this.#stop.signal.aborted) this.#context.fetcher().remove(this.topic, this.partition);
    this.#stop.abort();
    this.#wake?.();
    return this.#ended;
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
