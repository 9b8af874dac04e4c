import type { FetchedRecord } from "../client/fetcher.ts";
import type { ProducerRecord } from "../client/producer-record.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import type { ApartTarget, ApartTargets } from "./apart-targets.ts";
import type { ScheduleContents } from "./schedule-contents.ts";
import { dispatchedRecord, entryTombstone, targetOf } from "./schedule-entry.ts";
import { UndispatchableError } from "./schedule-errors.ts";
import type { ScheduleWindow } from "./schedule-window.ts";

/** An entry that is due. */
export interface DueEntry {
  /** In the index. */
  readonly place: number;
  readonly offset: number;
  readonly dueAt: number;
  readonly id: string;
  readonly record: FetchedRecord;
  readonly target: TopicPartition;
}

/** Entries of one transaction, and bytes of them: more would keep those behind waiting. */
const MOST = 500;
export const MOST_BYTES: number = 1024 * 1024;

/** Chooses what goes out next, in the order in which it is due. */
export class DueBatches {
  readonly #contents: ScheduleContents;
  readonly #window: ScheduleWindow;
  readonly #apart: ApartTargets;
  /** Offsets of entries that are tried one at a time: one of them is what a broker does not take. */
  readonly #suspects = new Set<number>();

  constructor(contents: ScheduleContents, window: ScheduleWindow, apart: ApartTargets) {
    this.#contents = contents;
    this.#window = window;
    this.#apart = apart;
  }

  /** What goes out now, left out of the index until its fate is known. "unread": the next one has to be read first. */
  next(now: number): readonly DueEntry[] | "unread" {
    const { index } = this.#contents;
    const batch: DueEntry[] = [];
    let bytes = 0;
    while (batch.length < MOST && bytes < MOST_BYTES) {
      const place = index.first;
      if (place < 0 || index.dueOf(place) > now) break;
      const record = this.#window.get(index.offsetOf(place));
      if (record === undefined) return batch.length > 0 ? batch : "unread";
      const target = targetOf(record);
      const apart = target === undefined ? undefined : this.#apart.get(target);
      if (target === undefined) this.doom(place, new UndispatchableError("it does not say where it goes"));
      else if (apart !== undefined) this.hold(place, apart);
      else {
        const isAlone = this.#suspects.has(record.offset);
        if (isAlone && batch.length > 0) break;
        batch.push(this.take(place, record, target));
        bytes += record.byteLength;
        if (isAlone) break;
      }
    }
    return batch;
  }

  /** Leaves an entry out of the index, as one that goes out. */
  take(place: number, record: FetchedRecord, target: TopicPartition): DueEntry {
    const { index } = this.#contents;
    const entry = { place, record, target, offset: record.offset, dueAt: index.dueOf(place), id: index.idOf(place) };
    index.detach(place);
    return entry;
  }

  /** Leaves an entry out of the index until its target takes something again. */
  hold(place: number, apart: ApartTarget): void {
    this.#window.drop(this.#contents.index.offsetOf(place));
    this.#apart.hold(apart, place);
  }

  /** The entry can never be dispatched. */
  doom(place: number, error: UndispatchableError): void {
    this.#suspects.delete(this.#contents.index.offsetOf(place));
    this.#contents.doom(place, error);
  }

  /** What is written for a batch: where it goes, and that it waits no more. */
  recordsOf(batch: readonly DueEntry[], place: TopicPartition): ProducerRecord[] {
    const { topic, partition } = place;
    return [
      ...batch.map(({ record, target, offset }) => dispatchedRecord(record, { topic, partition, offset }, target)),
      ...batch.map(({ id }) => entryTombstone(id, place)),
    ];
  }

  /** The batch counts. Something may have taken the place of an entry meanwhile. */
  done(batch: readonly DueEntry[]): void {
    const { index } = this.#contents;
    for (const { place, offset } of batch) {
      this.#suspects.delete(offset);
      this.#window.drop(offset);
      if (index.has(place, offset)) index.remove(place);
    }
    // Some may have been cancelled.
    if (index.size === 0) this.#suspects.clear();
  }

  /** Nothing of the batch counts. */
  putBack(batch: readonly DueEntry[]): void {
    const { index } = this.#contents;
    for (const { place, offset } of batch) if (index.has(place, offset)) index.attach(place);
  }

  /** One of these entries is not taken by the broker. Gives it, where there is but one. */
  suspect(batch: readonly DueEntry[]): DueEntry | undefined {
    if (batch.length === 1) return batch[0];
    for (const { offset } of batch) this.#suspects.add(offset);
    return undefined;
  }
}
