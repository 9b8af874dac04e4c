import { type BackoffOptions, backoffDelay } from "../client/backoff.ts";
import type { ProducerRecord, RecordMetadata } from "../client/producer-record.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import type { Timer } from "../net/clock.ts";
import { collectEnqueues, sendTogether } from "./app-transaction.ts";
import { Dispatcher } from "./dispatcher.ts";
import { type DueTicks, dueTicks } from "./due-ticks.ts";
import { RECURRING_HEADER, TICK_HEADER } from "./headers.ts";
import { isoTime } from "./iso-time.ts";
import type { Move, MoveSource } from "./moves.ts";
import { nextTick } from "./next-tick.ts";
import type { RecurringDefinition } from "./recurring-definition.ts";
import { lastOf, type RecurringEntry, readRecurring, recurringKey, recurringRecord } from "./recurring-record.ts";
import type { StateFollower, StateReader } from "./state-reader.ts";
import type { StateRequest } from "./state-scan.ts";
import { type StateKind, tombstone } from "./state-topic.ts";
import type { WorkerContext } from "./worker-context.ts";

/** A recurring job, and how far it has got. */
interface Recurring {
  readonly definition: RecurringDefinition;
  last: number;
  /** When it is due next (ms since 1970); infinity: never, or it is paused. */
  next: number;
  isPaused: boolean;
  /** Nothing is written of it yet: a worker that comes later has to know from when on ticks count. */
  isFresh: boolean;
}

/** Something that is to be written for one recurring job. */
interface Change {
  readonly recurring: Recurring;
  readonly due: DueTicks;
  readonly isPaused: boolean;
}

const RETRY_BACKOFF: BackoffOptions = { initial: 1_000, max: 30_000 };
/** A wall clock that was set on is noticed within this time (ms), where fetches do not wait longer. */
const LONGEST_SLEEP = 1_000;
/** Recurring jobs that are dispatched together. */
const MOST = 200;
const DURING = "dispatching recurring jobs";

/** The partition was given up, or its worker can do no more: nothing was written. */
class GivenUpError extends Error {}

/**
 * Dispatches the recurring jobs of one partition, for as long as this worker owns it (S7.6). What is enqueued at a tick,
 * and that it has been, are one transaction with what the partition commits: so a tick is dispatched once, whoever else
 * takes it for its own.
 */
export class PartitionRecurring implements StateFollower {
  readonly topic: string;
  readonly partition: number;
  readonly #context: WorkerContext;
  readonly #source: MoveSource;
  readonly #reader: StateReader;
  readonly #all = new Map<string, Recurring>();
  readonly #requests: StateRequest[] = [];
  #timer: Timer | undefined;
  #isBusy = false;
  #failures = 0;
  #isOver = false;

  constructor(context: WorkerContext, source: MoveSource, reader: StateReader) {
    this.topic = source.topic;
    this.partition = source.partition;
    this.#context = context;
    this.#source = source;
    this.#reader = reader;
  }

  get #place(): TopicPartition {
    return { topic: this.topic, partition: this.partition };
  }

  takes(kind: StateKind): boolean {
    return kind === "pause" || kind === "resume";
  }

  /** What was loaded, up to `upTo` in the state topic. */
  begin(
    definitions: readonly RecurringDefinition[],
    entries: readonly RecurringEntry[],
    requests: readonly StateRequest[],
    upTo: number,
  ): void {
    const known = new Map(entries.map((entry) => [entry.name, entry]));
    for (const definition of definitions) this.#add(definition, known.get(definition.name));
    this.#requests.push(...requests.filter(({ key }) => this.takes(key.kind)));
    this.#reader.follow(this, upTo);
    this.#look();
  }

  /** Whatever else was told by another expression, or not at all, begins now. */
  #add(definition: RecurringDefinition, known: RecurringEntry | undefined): void {
    const from = lastOf(definition, known);
    const last = from ?? this.#context.clock.now();
    const isPaused = known?.isPaused === true;
    const next = nextOf(definition, last, isPaused);
    this.#all.set(definition.name, { definition, last, next, isPaused, isFresh: from === undefined });
  }

  /** Another one was defined. */
  added(definition: RecurringDefinition, known: RecurringEntry | undefined): void {
    this.#add(definition, known);
    this.#look();
  }

  requested(request: StateRequest): void {
    this.#requests.push(request);
    this.#look();
  }

  /** Does what is to be done now, and comes back for the rest. */
  #look(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#isBusy || this.#isOver) return;
    const requests = this.#requests.slice(0, MOST);
    const changes = requests.length > 0 ? this.#asked(requests) : this.#due();
    if (changes.length === 0 && requests.length === 0) return this.#sleep();
    this.#isBusy = true;
    void this.#write(changes, requests).then((ms) => {
      this.#isBusy = false;
      if (ms === 0) this.#look();
      else this.#wait(ms);
    });
  }

  /** What becomes of the jobs that somebody wants to pause or to go on. The last word on each counts. */
  #asked(requests: readonly StateRequest[]): Change[] {
    const now = this.#context.clock.now();
    const changes = new Map<string, Change>();
    for (const { key, by } of requests) {
      const recurring = this.#all.get(by);
      if (recurring === undefined) continue;
      const isPaused = key.kind === "pause";
      // What it was paused for is nothing that it has missed.
      const last = isPaused === recurring.isPaused ? recurring.last : now;
      changes.set(by, { recurring, isPaused, due: { ticks: [], last } });
    }
    return [...changes.values()];
  }

  #due(): Change[] {
    const now = this.#context.clock.now();
    const changes: Change[] = [];
    for (const recurring of this.#all.values()) {
      if (changes.length === MOST) break;
      const { definition, last, next, isPaused, isFresh } = recurring;
      if (next > now && !isFresh) continue;
      const due = next > now ? { ticks: [], last } : dueTicks(definition, last, now);
      changes.push({ recurring, isPaused, due });
    }
    return changes;
  }

  /** Gives how long (ms) to wait before the next look. */
  async #write(changes: readonly Change[], requests: readonly StateRequest[]): Promise<number> {
    const { app, clock, events } = this.#context;
    try {
      const { enqueues } = await collectEnqueues(app, new Dispatcher(app), (tx) => {
        for (const { recurring, due } of changes)
          for (const _ of due.ticks) void tx.performLater(recurring.definition.job);
      });
      if (this.#isOver) return 0;
      await sendTogether(app, enqueues, (records) =>
        this.#send(changes, requests, fixed(records, changes, this.partition)),
      );
    } catch (error) {
      if (error instanceof GivenUpError) {
        this.end();
        return 0;
      }
      events.emit("error", { error, during: DURING, ...this.#place });
      this.#failures++;
      return backoffDelay(RETRY_BACKOFF, this.#failures, clock);
    }
    this.#failures = 0;
    this.#requests.splice(0, requests.length);
    for (const change of changes) this.#done(change);
    return 0;
  }

  async #send(
    changes: readonly Change[],
    requests: readonly StateRequest[],
    jobs: readonly ProducerRecord[],
  ): Promise<readonly RecordMetadata[]> {
    const to = this.#reader.placeOf(this);
    const states = changes.map(({ recurring, due, isPaused }) =>
      recurringRecord(this, to, recurring.definition, { last: due.last, isPaused }),
    );
    const all = [...jobs, ...states, ...requests.map(({ key }) => tombstone(key, to))];
    let places: readonly RecordMetadata[] = [];
    const placed = (given: readonly RecordMetadata[]): void => {
      places = given.slice(0, jobs.length);
    };
    const move: Move = {
      commit: () => this.#source.commitNow(),
      moved: () => {},
      wasMade: () => this.#wasWritten(changes),
    };
    const isFinal = (): boolean => this.#isOver;
    if (!(await this.#context.moves.move(this.#source, move, () => all, { placed, isFinal }))) throw new GivenUpError();
    return places;
  }

  /** Whether the log says what was to be written. Nothing of the partition is open any more. */
  async #wasWritten(changes: readonly Change[]): Promise<boolean> {
    const change = changes.find(({ due }) => due.ticks.length > 0);
    // Without a tick among it, it may be written again.
    if (change === undefined) return false;
    const { name } = change.recurring.definition;
    const record = await this.#reader.last(recurringKey(this, name));
    return (readRecurring(name, record?.value ?? null)?.last ?? 0) >= change.due.last;
  }

  #done({ recurring, due, isPaused }: Change): void {
    const { last } = due;
    const next = nextOf(recurring.definition, last, isPaused);
    Object.assign(recurring, { last, next, isPaused, isFresh: false });
  }

  #sleep(): void {
    let next = Number.POSITIVE_INFINITY;
    for (const recurring of this.#all.values()) next = Math.min(next, recurring.next);
    if (next === Number.POSITIVE_INFINITY) return;
    const longest = Math.max(LONGEST_SLEEP, this.#context.app.slot.fetchWait ?? 0);
    this.#wait(Math.min(longest, Math.max(0, next - this.#context.clock.now())));
  }

  #wait(ms: number): void {
    if (this.#isOver) return;
    this.#timer = this.#context.clock.timer(ms, () => this.#look());
  }

  /** The partition is given up. */
  end(): void {
    this.#isOver = true;
    this.#timer?.cancel();
    this.#reader.unfollow(this);
  }
}

/** When it ticks next after `last`; infinity: never, or it is paused. */
function nextOf({ schedule, zone }: RecurringDefinition, last: number, isPaused: boolean): number {
  return (isPaused ? undefined : nextTick(schedule, last, zone)) ?? Number.POSITIVE_INFINITY;
}

/** The jobs of each tick, in order, where they belong: with the tick that each of them is for. */
function fixed(records: readonly ProducerRecord[], changes: readonly Change[], partition: number): ProducerRecord[] {
  const ticks = changes.flatMap(({ recurring, due }) =>
    due.ticks.map((tick) => ({ tick, name: recurring.definition.name })),
  );
  return records.map((record, i) => {
    const { tick, name } = ticks[i]!;
    const headers = [...(record.headers as readonly (readonly [string, string])[])];
    headers.push([RECURRING_HEADER, name], [TICK_HEADER, isoTime(tick)]);
    return { ...record, partition, headers };
  });
}
