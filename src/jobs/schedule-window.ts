import type { FetchedRecord } from "../client/fetcher.ts";
import type { Kafka } from "../client/kafka.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import { whenSettled } from "../net/clock.ts";
import { readOffsets } from "./read-offsets.ts";
import type { ScheduleIndex } from "./schedule-index.ts";

/** Entries that are due within so many ms are read ahead, as far as there is room. */
const AHEAD = 30_000;
/** So long (ms) before what was read ahead is used up, more is read. */
const EARLY = 10_000;
/** As many entries at a time, at most. */
const MOST = 50_000;
/** What a record takes in memory besides its bytes, roughly. */
const OVERHEAD = 200;

/**
 * The records of the entries that are due next. The index knows all entries, this one only what will be wanted soon: it
 * is read from the log again, in as few passes as there can be, whatever the order in which entries fall due.
 */
export class ScheduleWindow {
  readonly #kafka: Kafka;
  readonly #place: TopicPartition;
  readonly #index: ScheduleIndex;
  readonly #signal: AbortSignal;
  readonly #room: () => number;
  readonly #records = new Map<number, FetchedRecord>();
  #bytes = 0;
  /** All that is due by then has been read, or was asked for (ms since 1970). */
  #until = Number.NEGATIVE_INFINITY;
  #filling: Promise<void> | undefined;
  /** Bytes of an entry, as they have been so far. */
  #usual = 1_000;

  /** `room`: bytes that it may keep. */
  constructor(kafka: Kafka, place: TopicPartition, index: ScheduleIndex, signal: AbortSignal, room: () => number) {
    this.#kafka = kafka;
    this.#place = place;
    this.#index = index;
    this.#signal = signal;
    this.#room = room;
  }

  /** What its records take, roughly. */
  get bytes(): number {
    return this.#bytes;
  }

  get(offset: number): FetchedRecord | undefined {
    return this.#records.get(offset);
  }

  drop(offset: number): void {
    const record = this.#records.get(offset);
    if (record === undefined) return;
    this.#records.delete(offset);
    this.#bytes -= sizeOf(record);
  }

  /** Keeps a record that has just come, if it is due soon: it need not be read again then. */
  offer(record: FetchedRecord, due: number, now: number): void {
    if (due <= Math.max(this.#until, now + AHEAD) && this.#bytes < this.#room()) this.#keep(record);
  }

  #keep(record: FetchedRecord): void {
    if (this.#records.has(record.offset)) return;
    const own = record.detached();
    const size = sizeOf(own);
    this.#records.set(record.offset, own);
    this.#bytes += size;
    this.#usual += (size - this.#usual) / 64;
  }

  /** Begins to read ahead, if it is time for that. */
  look(now: number): void {
    if (this.#filling !== undefined || now < this.#until - EARLY) return;
    void this.fill(now).catch(() => {});
  }

  /** Resolves once what is due next has been read. Rejects where it cannot be. */
  fill(now: number): Promise<void> {
    this.#filling ??= whenSettled(this.#fill(now), () => {
      this.#filling = undefined;
    });
    return this.#filling;
  }

  async #fill(now: number): Promise<void> {
    const count = Math.min(MOST, Math.max(1, Math.floor(this.#room() / this.#usual)));
    const limit = now + AHEAD;
    const next = this.#index.next(count, limit);
    const until = next.length < count ? limit : this.#index.dueOf(next.at(-1)!);
    const wanted = new Map<number, number>();
    for (const place of next) {
      const offset = this.#index.offsetOf(place);
      if (!this.#records.has(offset)) wanted.set(offset, place);
    }
    // Before it is read: what comes meanwhile is kept as it comes.
    this.#until = until;
    for await (const record of readOffsets(this.#kafka, this.#place, wanted.keys(), this.#signal, "fail"))
      if (this.#index.has(wanted.get(record.offset)!, record.offset)) this.#keep(record);
    if (this.#signal.aborted) return;
    for (const [offset, place] of wanted) this.#forgetMissing(offset, place);
  }

  /** The record at an offset, be it that it is read for this alone. Undefined: the log does not have it any more. */
  async load(offset: number): Promise<FetchedRecord | undefined> {
    const known = this.#records.get(offset);
    if (known !== undefined) return known;
    for await (const record of readOffsets(this.#kafka, this.#place, [offset], this.#signal, "fail"))
      return record.detached();
    // Reading that was ended has found nothing out.
    this.#signal.throwIfAborted();
    return undefined;
  }

  /** The log has it no more: it was deleted, or something has taken its place, of which the log will tell. */
  #forgetMissing(offset: number, place: number): void {
    if (!this.#records.has(offset) && this.#index.has(place, offset)) this.#index.remove(place);
  }
}

function sizeOf({ byteLength }: FetchedRecord): number {
  return byteLength + OVERHEAD;
}
