import { TimeoutError } from "../client/errors.ts";
import { partitionKey, type TopicPartition } from "../client/topic-partition.ts";
import { within } from "../client/within.ts";
import type { EventHub } from "./events.ts";
import type { LoadTurns } from "./load-turns.ts";
import { logBounds } from "./log-bounds.ts";
import { readPartition } from "./partition-reader.ts";
import type { Runtime } from "./runtime.ts";
import { ScheduleContents } from "./schedule-contents.ts";
import { ScheduleWindow } from "./schedule-window.ts";
import type { ScheduleWriter } from "./schedule-writer.ts";

/** What is loaded, and for whom. */
export interface ScheduleSource {
  readonly runtime: Runtime;
  readonly events: EventHub;
  readonly place: TopicPartition;
  /** Bytes of records that may be kept ready. */
  readonly room: () => number;
  readonly turns: LoadTurns;
  /** Ends it: then it throws. */
  readonly signal: AbortSignal;
}

export interface LoadedSchedule {
  readonly contents: ScheduleContents;
  readonly window: ScheduleWindow;
  /** All below this offset has been read. */
  readonly end: number;
  /** The leader epoch of the last record that was read; -1: it is not known. */
  readonly epoch: number;
}

const INIT_TIMEOUT = 60_000;
const ASK_TIMEOUT = 30_000;
/** A load that waits for its turn for so long (ms) goes on without. */
const TURN_PATIENCE = 10_000;
/** So often (ms) is told how far reading has got. */
const PROGRESS_EVERY = 1_000;

/**
 * Loads what waits in a schedule partition (S7.3): the id first, so that nothing of an earlier owner can count any more;
 * then where the log ends, and all up to there.
 */
export async function loadSchedule(source: ScheduleSource, writer: ScheduleWriter): Promise<LoadedSchedule> {
  const { runtime, place, room, turns, signal } = source;
  await takenOver(source, writer);
  // What is written, and not decided yet, counts.
  const bounds = await logBounds(runtime.kafka.cluster, [place], ASK_TIMEOUT, signal, "readUncommitted");
  const { start, end } = bounds.get(partitionKey(place.topic, place.partition))!;
  const contents = new ScheduleContents((offset) => window.drop(offset));
  const window = new ScheduleWindow(runtime.kafka, place, contents.index, signal, room);
  const epoch = await turns.run(TURN_PATIENCE, signal, () => readAll(source, contents, start, end));
  signal.throwIfAborted();
  return { contents, window, end, epoch };
}

/** Gives the leader epoch of what was read last. */
async function readAll(
  { runtime, events, place, signal }: ScheduleSource,
  contents: ScheduleContents,
  start: number,
  end: number,
): Promise<number> {
  const { kafka, clock } = runtime;
  let [told, read, epoch] = [clock.monotonic(), 0, -1];
  for await (const { records, nextOffset, leaderEpoch } of readPartition(kafka, place, start, end, signal, "fail")) {
    for (const record of records) contents.take(record);
    read += records.length;
    epoch = leaderEpoch;
    if (clock.monotonic() - told < PROGRESS_EVERY) continue;
    told = clock.monotonic();
    events.emit("scheduleLoading", { ...place, read, left: end - nextOffset });
  }
  return epoch;
}

/** It may be left at any time: nothing is on its way yet. */
function takenOver({ runtime, signal }: ScheduleSource, writer: ScheduleWriter): Promise<void> {
  const late = (): never => {
    signal.throwIfAborted();
    throw new TimeoutError("TRANSACTION_TIMED_OUT", `no coordinator answered within ${INIT_TIMEOUT} ms`);
  };
  return within(runtime.clock, INIT_TIMEOUT, writer.init(), late, signal);
}
