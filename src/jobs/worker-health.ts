import type { Clock, Timer } from "../net/clock.ts";
import type { EventHub } from "./events.ts";
import type { FlowControl } from "./flow-control.ts";
import type { Leftovers } from "./leftovers.ts";
import type { Logger } from "./logger.ts";
import type { PartitionExecutor } from "./partition-executor.ts";
import { type AttemptPlace, attemptText, startedSince } from "./running-attempts.ts";
import type { ScheduleState } from "./schedule-partition.ts";

/** Something that keeps a worker from doing its work. */
export interface HealthProblem {
  /**
   * "notPolling": it reads nothing. "stuck": a partition has work and starts none. "blocked": a job kept the event loop
   * busy for so long that the group may take its worker for dead. "leftover": a job still runs that was started before
   * its partition was taken away, and keeps the partition waiting. "late": a schedule topic's partition does not dispatch
   * what is due.
   */
  readonly kind: "notPolling" | "stuck" | "blocked" | "leftover" | "late";
  /** For people. */
  readonly message: string;
  readonly topic?: string | undefined;
  readonly partition?: number | undefined;
  /** The jobs that it is about. */
  readonly jobs?: readonly AttemptPlace[] | undefined;
}

export interface WorkerHealth {
  /** Whether there are no problems. */
  readonly ok: boolean;
  readonly problems: readonly HealthProblem[];
}

/** As much of a worker as its health is read from. */
export interface HealthSource {
  readonly clock: Clock;
  readonly events: EventHub;
  readonly logger: Logger;
  readonly executors: Iterable<PartitionExecutor>;
  readonly schedules: Iterable<WatchedSchedule>;
  readonly flow: FlowControl;
  readonly leftovers: Leftovers;
  /** Milliseconds: what the group has now. */
  readonly sessionTimeout: number;
  readonly isMember: boolean;
  /** Undefined: it works. */
  readonly ending: "closing" | "closed" | undefined;
  readonly isQuiet: boolean;
  /** When a broker last answered a fetch (monotonic ms). */
  readonly answeredAt: number;
}

/** As much of a schedule topic's partition as is watched. */
export interface WatchedSchedule {
  readonly topic: string;
  readonly partition: number;
  readonly state: ScheduleState;
  /** When the next entry is due (ms since 1970). */
  readonly nextDueAt: number | undefined;
  /** Those that wait. */
  readonly entries: number;
}

/** How often it is looked whether the event loop gets its turns, in ms. */
const TICK = 500;
/** How long brokers may leave every fetch without an answer, in ms: they may be changing their leaders. */
const LONGEST_SILENCE = 60_000;
/** How long a block that is over is told of, in ms: whoever asks does so now and then. */
const BLOCK_TOLD = 60_000;

/** What a partition was seen at, and since when. */
interface Standstill {
  readonly mark: number;
  readonly last: unknown;
  readonly since: number;
}

/** Watches whether a worker gets on (S3.11). */
export class HealthMonitor {
  readonly #source: HealthSource;
  readonly #stuckAfter: number;
  readonly #standing = new Map<PartitionExecutor, Standstill>();
  /** Schedule partitions that dispatch nothing though something is due, and since when. */
  readonly #behind = new Map<WatchedSchedule, { readonly entries: number; readonly since: number }>();
  #lastTick = 0;
  #timer: Timer | undefined;
  /** Since when it reads, or is no member (monotonic ms); undefined: it need not, or is. */
  #readingSince: number | undefined;
  #outsideSince: number | undefined;
  #block: { readonly endedAt: number; readonly problem: HealthProblem } | undefined;

  constructor(source: HealthSource, stuckAfter: number) {
    this.#source = source;
    this.#stuckAfter = stuckAfter;
  }

  start(): void {
    this.#lastTick = this.#source.clock.monotonic();
    this.#tick();
  }

  #tick(): void {
    this.#timer = this.#source.clock.timer(
      TICK,
      () => {
        this.#look();
        this.#tick();
      },
      { idle: true },
    );
  }

  #look(): void {
    const now = this.#source.clock.monotonic();
    const late = now - this.#lastTick - TICK;
    if (late > this.#source.sessionTimeout / 3) this.#blocked(late, now);
    this.#lastTick = now;
    this.#outsideSince = this.#source.isMember ? undefined : (this.#outsideSince ?? now);
    let reads = false;
    const seen = new Set<PartitionExecutor>();
    for (const executor of this.#source.executors) {
      seen.add(executor);
      this.#lookAt(executor, now);
      if (executor.state === "running" && !this.#source.flow.isPaused(executor)) reads = true;
    }
    this.#readingSince = reads ? (this.#readingSince ?? now) : undefined;
    for (const executor of this.#standing.keys()) if (!seen.has(executor)) this.#standing.delete(executor);
    this.#lookAtSchedules(now);
  }

  #lookAtSchedules(now: number): void {
    const wall = this.#source.clock.now();
    const behind = new Set<WatchedSchedule>();
    for (const schedule of this.#source.schedules) {
      const { state, entries, nextDueAt = Number.POSITIVE_INFINITY } = schedule;
      if (state === "running" && nextDueAt > wall) continue;
      behind.add(schedule);
      const before = this.#behind.get(schedule);
      // However much is overdue: it gets less.
      if (before?.entries !== entries) this.#behind.set(schedule, { entries, since: now });
    }
    for (const schedule of this.#behind.keys()) if (!behind.has(schedule)) this.#behind.delete(schedule);
  }

  #lookAt(executor: PartitionExecutor, now: number): void {
    if (!this.#shouldStart(executor)) return void this.#standing.delete(executor);
    const { mark } = executor;
    const [last] = executor.last;
    const before = this.#standing.get(executor);
    if (before?.mark === mark && before.last === last) return;
    this.#standing.set(executor, { mark, last, since: now });
  }

  /** Whether it has work that nothing known keeps it from. */
  #shouldStart({ topic, state, running, isWaiting, share, buffered, readBack }: PartitionExecutor): boolean {
    const { isQuiet, flow } = this.#source;
    // That as many jobs of the queue run as its options allow is no standstill of the partitions that wait for them.
    if (isQuiet || running.size > 0 || isWaiting || share.isFull || flow.isHeld(topic)) return false;
    return (
      state === "loading" ||
      state === "stopped" ||
      (state === "running" && (buffered > 0 || readBack?.isUnderWay === true))
    );
  }

  #blocked(duration: number, now: number): void {
    const { events, logger, executors, leftovers, clock } = this.#source;
    const jobs = startedSince(executors, leftovers, this.#lastTick, clock.monotonic());
    const names = jobs.length === 0 ? "no job ran" : `meanwhile ran ${jobs.map(attemptText).join(", ")}`;
    const message = `the event loop was blocked for ${Math.round(duration)} ms: ${names}`;
    this.#block = { endedAt: now, problem: { kind: "blocked", message, jobs } };
    if (!events.has("eventLoopBlocked")) logger.warn(message);
    events.emit("eventLoopBlocked", { duration, jobs });
  }

  now(): WorkerHealth {
    this.#look();
    const now = this.#source.clock.monotonic();
    const problems = [...this.#polling(now), ...this.#stuck(now), ...this.#late(now), ...this.#leftovers(now)];
    if (this.#block !== undefined && now - this.#block.endedAt <= BLOCK_TOLD) problems.push(this.#block.problem);
    return { ok: problems.length === 0, problems };
  }

  *#polling(now: number): Generator<HealthProblem> {
    const { ending, sessionTimeout, answeredAt } = this.#source;
    const kind = "notPolling";
    if (ending !== undefined) return yield { kind, message: `the worker is ${ending}` };
    const outside = this.#outsideSince === undefined ? 0 : now - this.#outsideSince;
    if (outside > sessionTimeout) {
      return yield {
        kind,
        message: `its group has not heard of the worker for ${seconds(outside)}: it starts nothing`,
      };
    }
    const silence = this.#readingSince === undefined ? 0 : now - Math.max(this.#readingSince, answeredAt);
    if (silence > LONGEST_SILENCE) yield { kind, message: `no broker has answered a fetch for ${seconds(silence)}` };
  }

  *#stuck(now: number): Generator<HealthProblem> {
    for (const [{ topic, partition, state }, { since }] of this.#standing) {
      if (now - since < this.#stuckAfter) continue;
      const why = { loading: "it could not be loaded", stopped: "it was stopped: an error event said why" };
      const what = state === "loading" || state === "stopped" ? why[state] : "jobs wait, and nothing runs";
      const message = `${topic}/${partition} has started nothing for ${seconds(now - since)}: ${what}`;
      yield { kind: "stuck", message, topic, partition };
    }
  }

  *#late(now: number): Generator<HealthProblem> {
    for (const [{ topic, partition, state }, { since }] of this.#behind) {
      if (state !== "stopped" && now - since < this.#stuckAfter) continue;
      const why = { loading: "it could not be loaded", stopped: "it was stopped: an error event said why" };
      const what = state === "loading" || state === "stopped" ? why[state] : "what is due is not taken";
      const message = `${topic}/${partition} has dispatched nothing for ${seconds(now - since)}: ${what}`;
      yield { kind: "late", message, topic, partition };
    }
  }

  *#leftovers(now: number): Generator<HealthProblem> {
    const jobs = startedSince([], this.#source.leftovers, Number.NEGATIVE_INFINITY, now);
    for (const job of jobs) {
      const { topic, partition } = job;
      const message = `${attemptText(job)} still runs, though its partition was taken away: ${topic}/${partition} waits for it`;
      yield { kind: "leftover", message, topic, partition, jobs: [job] };
    }
  }

  close(): void {
    this.#timer?.cancel();
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
