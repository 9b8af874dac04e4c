import type { AppState } from "./app-state.ts";
import {
  checkOptions,
  describe,
  optionalBoolean,
  optionalFunction,
  optionalInteger,
  type RawOptions,
  within,
} from "./check-options.ts";
import { type DeadLetter, type DeadLetterContent, readLetter, readLetterContent } from "./dead-letter.ts";
import { NoSuchLetterError } from "./dead-letter-errors.ts";
import { DEFAULTS } from "./defaults.ts";
import { AppClosedError, InvalidOptionError } from "./errors.ts";
import { deadLetterTopics, lookAtLetters, redriveGroup } from "./letter-partitions.ts";
import { readPartition } from "./partition-reader.ts";
import { checkPlace, placeText, type RecordPlace } from "./record-place.ts";
import { carryOut } from "./redrive.ts";
import {
  type DeadLetterFailure,
  type LetterChoice,
  planDiscard,
  planRedrive,
  type RedrivePlan,
} from "./redrive-plan.ts";
import { checkTopicName } from "./topic-name.ts";

/** Which letters to list. */
export interface ListDeadLettersOptions {
  /** Default: every dead letter topic that the app's queues name. */
  readonly topic?: string | undefined;
  /** The most to give. Default 100. */
  readonly limit?: number | undefined;
}

/** How to deal with letters. */
export interface RedriveProgressOptions {
  /** Jobs a second, at most. Default 100. */
  readonly rate?: number | undefined;
  /** Ends it early: what is done stays done, and the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each letter. */
  readonly onProgress?: ((done: number, of: number) => void) | undefined;
}

/** Which letters to bring back, and how. */
export interface RedriveOptions extends RedriveProgressOptions {
  /** The dead letter topic. Default: every one that the app's queues name; not with `places`. */
  readonly topic?: string | undefined;
  /** These letters. Default: all that are left now; those that come meanwhile stay. */
  readonly places?: readonly RecordPlace[] | undefined;
  /** The most to bring back, the oldest of each partition first. Default: no limit. */
  readonly limit?: number | undefined;
  /** Only find out what would be done. Default false. */
  readonly dryRun?: boolean | undefined;
}

/** Which letters to let go of. */
export interface DiscardOptions extends RedriveProgressOptions {
  readonly places: readonly RecordPlace[];
}

/** What became of letters. */
export interface RedriveResult {
  /** How many this call has brought back; with `dryRun`, would bring back. Not those that another redrive has, at the same time. */
  readonly redriven: number;
  /** How many of them into each queue. */
  readonly queues: Readonly<Record<string, number>>;
  /** Letters that stay, and why. */
  readonly failures: readonly DeadLetterFailure[];
}

export interface DiscardResult {
  readonly discarded: number;
  /** Letters that stay, and why. */
  readonly failures: readonly DeadLetterFailure[];
}

/**
 * The jobs that failed for good. Which of them have been dealt with, the committed offsets of the group
 * `<group>.redrive` say: the letters themselves stay in their topic until it deletes them.
 */
export interface DeadLetters {
  /** The letters that are left, in the order of topic, partition and offset. Rejects with a `TopicMissingError` where a topic is missing. */
  list(options?: ListDeadLettersOptions): Promise<DeadLetter[]>;
  /** One letter with all that it has, be it that it has been dealt with. Rejects with a `NoSuchLetterError` where there is none. */
  show(place: RecordPlace): Promise<DeadLetterContent>;
  /**
   * Brings letters back into the queues they came from, each into its partition, in order, exactly once: there they
   * begin anew. A letter that cannot go back stays, the others go on, and the result says so. Where it rejects, what it
   * has done so far stays done: call it again.
   */
  redrive(options?: RedriveOptions): Promise<RedriveResult>;
  /** Lets go of letters: they are not listed or redriven any more. */
  discard(options: DiscardOptions): Promise<DiscardResult>;
}

const PROGRESS_OPTIONS = ["rate", "signal", "onProgress"] as const;
const MAX_RATE = 1_000_000;
const NEVER: AbortSignal = new AbortController().signal;

export function deadLetters(app: AppState): DeadLetters {
  return {
    list: (options) => list(app, options),
    show: (place) => show(app, place),
    redrive: (options) => redrive(app, options),
    discard: (options) => discard(app, options),
  };
}

async function list(app: AppState, value: unknown): Promise<DeadLetter[]> {
  const options = checkOptions(value, "dead.list", ["topic", "limit"]);
  const topics = checkTopics(app, options.topic, "dead.list.topic");
  const limit =
    optionalInteger(options.limit, "dead.list.limit", 1, Number.MAX_SAFE_INTEGER) ?? DEFAULTS.deadLetterList;
  redriveGroup(app);
  return untilClosed(app, NEVER, async (signal) => {
    const letters: DeadLetter[] = [];
    for (const partition of await lookAtLetters(app, topics, signal)) {
      const { topic, partition: number, finished, end } = partition;
      const { kafka } = app.slot.use();
      for await (const { records } of readPartition(kafka, partition, finished.base, end, signal)) {
        for (const record of records) {
          if (finished.has(record.offset)) continue;
          letters.push(readLetter(topic, number, record));
          if (letters.length === limit) return letters;
        }
      }
    }
    return letters;
  });
}

async function show(app: AppState, value: unknown): Promise<DeadLetterContent> {
  const place = checkPlace(value, "dead.show");
  checkTopics(app, place.topic, "dead.show.topic");
  redriveGroup(app);
  return untilClosed(app, NEVER, async (signal) => {
    const found = (await lookAtLetters(app, [place.topic], signal)).find(
      ({ partition }) => partition === place.partition,
    );
    if (found !== undefined && place.offset >= found.start) {
      const end = Math.min(found.end, place.offset + 1);
      for await (const { records } of readPartition(app.slot.use().kafka, found, place.offset, end, signal)) {
        const record = records.find(({ offset }) => offset === place.offset);
        if (record === undefined) continue;
        const letter = readLetter(place.topic, place.partition, record);
        return readLetterContent(letter, record, !found.finished.has(place.offset));
      }
    }
    throw new NoSuchLetterError(placeText(place), "there is no such letter");
  });
}

async function redrive(app: AppState, value: unknown): Promise<RedriveResult> {
  const names = ["topic", "places", "limit", "dryRun", ...PROGRESS_OPTIONS];
  const options = checkOptions(value, "dead.redrive", names);
  const places = checkPlaces(app, options.places, "dead.redrive.places");
  if (places !== undefined && options.topic !== undefined)
    throw new InvalidOptionError("dead.redrive.topic", "places are given, and they have their topics: leave it out");
  const choice: LetterChoice = {
    topics: places === undefined ? checkTopics(app, options.topic, "dead.redrive.topic") : topicsOf(places),
    places,
    limit: optionalInteger(options.limit, "dead.redrive.limit", 1, Number.MAX_SAFE_INTEGER) ?? Number.POSITIVE_INFINITY,
  };
  const isDry = optionalBoolean(options.dryRun, "dead.redrive.dryRun") ?? false;
  const work = checkWork(options, "dead.redrive");
  redriveGroup(app);
  return untilClosed(app, work.signal, async (signal) => {
    const plan = await planRedrive(app, choice, signal);
    const { queues, failures } = isDry ? foresee(plan) : await deal(app, plan, work, signal);
    const redriven = [...queues.values()].reduce((sum, count) => sum + count, 0);
    return { redriven, queues: Object.fromEntries(queues), failures };
  });
}

async function discard(app: AppState, value: unknown): Promise<DiscardResult> {
  const options = checkOptions(value, "dead.discard", ["places", ...PROGRESS_OPTIONS]);
  const places = checkPlaces(app, options.places, "dead.discard.places");
  if (places === undefined)
    throw new InvalidOptionError("dead.discard.places", "missing: name the letters to let go of");
  const work = checkWork(options, "dead.discard");
  redriveGroup(app);
  return untilClosed(app, work.signal, async (signal) => {
    const choice = { topics: topicsOf(places), places, limit: Number.POSITIVE_INFINITY };
    const { discarded, failures } = await deal(app, await planDiscard(app, choice, signal), work, signal);
    return { discarded, failures };
  });
}

interface Outcome {
  readonly queues: ReadonlyMap<string, number>;
  readonly discarded: number;
  readonly failures: readonly DeadLetterFailure[];
}

function foresee({ partitions, failures }: RedrivePlan): Pick<Outcome, "queues" | "failures"> {
  const queues = new Map<string, number>();
  for (const { chosen } of partitions)
    for (const queue of chosen.values()) if (queue !== undefined) queues.set(queue, (queues.get(queue) ?? 0) + 1);
  return { queues, failures };
}

async function deal(app: AppState, plan: RedrivePlan, work: WorkSettings, signal: AbortSignal): Promise<Outcome> {
  const queues = new Map<string, number>();
  const failures = [...plan.failures];
  const total = plan.partitions.reduce((sum, { chosen }) => sum + chosen.size, 0);
  let discarded = 0;
  let done = 0;
  const reports = {
    moved: (queue: string | undefined): void => {
      if (queue === undefined) discarded++;
      else queues.set(queue, (queues.get(queue) ?? 0) + 1);
      work.onProgress?.(++done, total);
    },
    failed: (failure: DeadLetterFailure): void => {
      failures.push(failure);
      work.onProgress?.(++done, total);
    },
  };
  await carryOut(app, plan, work.rate, reports, signal);
  return { queues, discarded, failures };
}

/** Rejects with the signal's reason where it aborts, and with an `AppClosedError` where the app is closed meanwhile; closing waits for its end. */
async function untilClosed<T>(
  app: AppState,
  asked: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  asked.throwIfAborted();
  app.slot.use();
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(asked.reason);
  asked.addEventListener("abort", onAbort);
  const running = work(stop.signal);
  const closer = async (): Promise<void> => {
    stop.abort(new AppClosedError());
    await running.catch(() => {});
  };
  app.closers.add(closer);
  try {
    const result = await running;
    stop.signal.throwIfAborted();
    return result;
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    asked.removeEventListener("abort", onAbort);
    app.closers.delete(closer);
  }
}

interface WorkSettings {
  readonly rate: number;
  readonly signal: AbortSignal;
  readonly onProgress: ((done: number, of: number) => void) | undefined;
}

function checkWork({ rate, signal, onProgress }: RawOptions, path: string): WorkSettings {
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new InvalidOptionError(within(path, "signal"), `${describe(signal)} given, an AbortSignal is expected`);
  return {
    rate: optionalInteger(rate, within(path, "rate"), 1, MAX_RATE) ?? DEFAULTS.redriveRate,
    signal: signal ?? NEVER,
    onProgress: optionalFunction(onProgress, within(path, "onProgress")) as WorkSettings["onProgress"],
  };
}

function checkTopics(app: AppState, topic: unknown, path: string): readonly string[] {
  if (topic === undefined) return deadLetterTopics(app);
  const name = checkTopicName(topic, path);
  if (app.registry.queues.includes(name) || app.settings.queues.has(name))
    throw new InvalidOptionError(path, `"${name}" is a queue of the app, a dead letter topic is expected`);
  return [name];
}

function checkPlaces(app: AppState, value: unknown, path: string): readonly RecordPlace[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw new InvalidOptionError(path, `${describe(value)} given, a list is expected`);
  return value.map((each: unknown, i) => {
    const place = checkPlace(each, `${path}[${i}]`);
    checkTopics(app, place.topic, `${path}[${i}].topic`);
    return place;
  });
}

function topicsOf(places: readonly RecordPlace[]): readonly string[] {
  return [...new Set(places.map(({ topic }) => topic))].sort();
}
