import type { FetchedRecord } from "../client/fetcher.ts";
import { partitionKey, type TopicPartition } from "../client/topic-partition.ts";
import { uuidv7 } from "../net/clock.ts";
import type { AppState } from "./app-state.ts";
import { checkOptions, describe, optionalInteger, optionalText, within } from "./check-options.ts";
import { DEFAULTS } from "./defaults.ts";
import { checkDue, checkInstant, type DueOptions, dueTime, isTimed } from "./due-time.ts";
import { readEntryId } from "./entry-id.ts";
import { InvalidOptionError } from "./errors.ts";
import { findTopics } from "./find-topics.ts";
import { ID_HEADER, JOB_HEADER, KEY_HEADER, RECORD_KEY_HEADER } from "./headers.ts";
import { type LogBounds, logBounds } from "./log-bounds.ts";
import { readPartition } from "./partition-reader.ts";
import { readOffsets } from "./read-offsets.ts";
import { headerTextOf } from "./received-job.ts";
import type { RecordPlace } from "./record-place.ts";
import { ScheduleContents } from "./schedule-contents.ts";
import { targetOf } from "./schedule-entry.ts";
import { SchedulerUnavailableError } from "./schedule-errors.ts";
import { requestKey, requestRecord, type ScheduleRequest, type Verdict } from "./schedule-request.ts";
import { checkTopicName } from "./topic-name.ts";

/** What waits in a schedule topic, as whoever scheduled it was told: a `ScheduledJob` is one. */
export interface ScheduledEntry extends TopicPartition {
  /** A UUID. */
  readonly entry: string;
}

/** What waits in a schedule topic, as the topic has it. */
export interface WaitingEntry extends ScheduledEntry, RecordPlace {
  readonly dueAt: Date;
  /** Where it goes then. Undefined: it does not say so, and cannot be dispatched. */
  readonly target: TopicPartition | undefined;
  /** Of a job: its name, its id, and its key where it has one. */
  readonly job: string | undefined;
  readonly id: string | undefined;
  readonly key: string | undefined;
}

export interface ListScheduledOptions {
  /** Default: all of the app's `scheduledMessagesTopics`. */
  readonly topic?: string | undefined;
  /** What is due from then on. Default: from the beginning. */
  readonly from?: Date | number | undefined;
  /** What is due before that. Default: whenever. */
  readonly to?: Date | number | undefined;
  /** Default 100. */
  readonly limit?: number | undefined;
}

/** What waits for its time. */
export interface ScheduledJobs {
  /** The next to be due first. It reads all of the topics: it is for people, not for programs. */
  list(options?: ListScheduledOptions): Promise<WaitingEntry[]>;
}

/** Longest wait (ms) for the brokers' word on where topics end. */
const ASK_TIMEOUT = 60_000;

export function scheduledJobs(app: AppState): ScheduledJobs {
  return { list: (options) => listScheduled(app, options) };
}

export async function cancelScheduled(app: AppState, job: ScheduledEntry): Promise<"cancelled" | "tooLate"> {
  const { entry, ...place } = checkEntry(app, job, "cancel");
  return (await ask(app, place, { kind: "cancel", entry })) === "tooLate" ? "tooLate" : "cancelled";
}

export async function rescheduleScheduled(
  app: AppState,
  job: ScheduledEntry,
  options: DueOptions,
): Promise<"rescheduled" | "tooLate"> {
  const { entry, ...place } = checkEntry(app, job, "reschedule");
  const due = checkDue(checkOptions(options, "reschedule", ["wait", "waitUntil"]) as DueOptions, "reschedule");
  if (!isTimed(due)) throw new InvalidOptionError("reschedule", "say when: { wait } or { waitUntil }");
  const at = dueTime(due, app.slot.use().clock.now(), "reschedule");
  return (await ask(app, place, { kind: "reschedule", entry, at })) === "tooLate" ? "tooLate" : "rescheduled";
}

async function ask(app: AppState, place: TopicPartition, request: ScheduleRequest): Promise<Verdict> {
  const runtime = app.slot.use();
  const key = requestKey(uuidv7(runtime.clock));
  const producer = runtime.producer(app.requests);
  const send = async (): Promise<number> => (await producer.send(requestRecord(request, key, place))).offset;
  const { verdictTimeout } = DEFAULTS;
  const verdict = await runtime.awaiting(runtime.verdicts.ask(place, key, send, verdictTimeout));
  if (verdict !== undefined) return verdict;
  throw new SchedulerUnavailableError(place.topic, place.partition, verdictTimeout);
}

/** A request in any other topic would be a record there that nobody understands. */
function checkEntry({ settings }: AppState, value: unknown, path: string): ScheduledEntry {
  const known = Object.keys((value as object | null | undefined) ?? {});
  const { topic, partition, entry } = checkOptions(value, path, known);
  const isEntry = typeof entry === "string" && readEntryId(new TextEncoder().encode(entry), new Int32Array(4));
  if (!isEntry)
    throw new InvalidOptionError(
      within(path, "entry"),
      `${describe(entry)} given, what scheduling a job returned is expected`,
    );
  const number = optionalInteger(partition, within(path, "partition"), 0, Number.MAX_SAFE_INTEGER);
  if (number === undefined)
    throw new InvalidOptionError(within(path, "partition"), "missing: a whole number is expected");
  const name = checkTopicName(topic, within(path, "topic"));
  if (!settings.scheduledMessagesTopics.has(name))
    throw new InvalidOptionError(within(path, "topic"), `"${name}" is none of the app's scheduledMessagesTopics`);
  return { topic: name, partition: number, entry };
}

interface Selection {
  readonly topics: readonly string[];
  readonly from: number;
  readonly to: number;
  readonly limit: number;
}

function checkSelection({ settings }: AppState, options: unknown): Selection {
  const { topic, from, to, limit } = checkOptions(options, "list", ["topic", "from", "to", "limit"]);
  const known = settings.scheduledMessagesTopics;
  const name = optionalText(topic, "list.topic");
  if (name !== undefined && !known.has(name))
    throw new InvalidOptionError("list.topic", `"${name}" is none of the app's scheduledMessagesTopics`);
  return {
    topics: name === undefined ? [...known.keys()] : [name],
    from: from === undefined ? Number.NEGATIVE_INFINITY : checkInstant(from, "list.from"),
    to: to === undefined ? Number.POSITIVE_INFINITY : checkInstant(to, "list.to"),
    limit: optionalInteger(limit, "list.limit", 1, Number.MAX_SAFE_INTEGER) ?? DEFAULTS.deadLetterList,
  };
}

/** An entry of which only is known when it is due. */
interface Found extends TopicPartition {
  readonly entry: string;
  readonly due: number;
  readonly offset: number;
}

async function listScheduled(app: AppState, options: unknown): Promise<WaitingEntry[]> {
  const selection = checkSelection(app, options);
  const topics = await findTopics(app, selection.topics);
  const places = [...topics].flatMap(([topic, { partitions }]) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
  );
  const bounds = await logBounds(app.slot.use().kafka.cluster, places, ASK_TIMEOUT);
  const found: Found[] = [];
  for (const place of places) {
    const ofIt = bounds.get(partitionKey(place.topic, place.partition))!;
    found.push(...(await findIn(app, place, ofIt, selection)));
  }
  found.sort((a, b) => a.due - b.due || a.offset - b.offset);
  return readFound(app, found.slice(0, selection.limit));
}

async function findIn(
  app: AppState,
  place: TopicPartition,
  { start, end }: LogBounds,
  { from, to, limit }: Selection,
): Promise<Found[]> {
  const contents = new ScheduleContents();
  const { signal } = new AbortController();
  for await (const { records } of readPartition(app.slot.use().kafka, place, start, end, signal))
    for (const record of records) contents.take(record);
  const { index } = contents;
  return index
    .next(index.size, to)
    .filter((at) => index.dueOf(at) >= from && index.dueOf(at) < to)
    .slice(0, limit)
    .map((at) => ({ ...place, entry: index.idOf(at), due: index.dueOf(at), offset: index.offsetOf(at) }));
}

/** What has been dispatched or moved meanwhile may be gone from the log. */
async function readFound(app: AppState, found: readonly Found[]): Promise<WaitingEntry[]> {
  const { kafka } = app.slot.use();
  const { signal } = new AbortController();
  const records = new Map<string, FetchedRecord>();
  const places = new Map(found.map(({ topic, partition }) => [partitionKey(topic, partition), { topic, partition }]));
  for (const [key, place] of places) {
    const offsets = found
      .filter((each) => partitionKey(each.topic, each.partition) === key)
      .map(({ offset }) => offset);
    for await (const record of readOffsets(kafka, place, offsets, signal))
      records.set(`${key}/${record.offset}`, record.detached());
  }
  return found.flatMap(({ topic, partition, entry, due, offset }) => {
    const record = records.get(`${partitionKey(topic, partition)}/${offset}`);
    return record === undefined ? [] : [{ ...waiting(record), topic, partition, offset, entry, dueAt: new Date(due) }];
  });
}

function waiting(record: FetchedRecord): Pick<WaitingEntry, "target" | "job" | "id" | "key"> {
  const [job, id] = [headerTextOf(record, JOB_HEADER), headerTextOf(record, ID_HEADER)];
  const key = headerTextOf(record, KEY_HEADER) ?? headerTextOf(record, RECORD_KEY_HEADER);
  return { target: targetOf(record), job, id, key };
}
