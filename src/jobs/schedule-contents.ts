import type { FetchedRecord } from "../client/fetcher.ts";
import { readEntryId } from "./entry-id.ts";
import { AT_HEADER, VERDICT_HEADER } from "./headers.ts";
import { readIsoTime } from "./iso-time.ts";
import { UndispatchableError } from "./schedule-errors.ts";
import { ScheduleIndex } from "./schedule-index.ts";
import { isRequestKey, readRequest, type ScheduleRequest } from "./schedule-request.ts";

const encoder = new TextEncoder();
const AT: Uint8Array = encoder.encode(AT_HEADER);
const VERDICT: Uint8Array = encoder.encode(VERDICT_HEADER);
const decoder = new TextDecoder();

/** An entry that can never be dispatched, and why. */
export interface Doomed {
  readonly offset: number;
  readonly error: UndispatchableError;
}

/** What the log of a schedule partition says: of each key the last record counts. */
export class ScheduleContents {
  readonly index: ScheduleIndex = new ScheduleIndex();
  /** Entries that can never be dispatched, by key, until they are in the topic for such. */
  readonly doomed: Map<string, Doomed> = new Map();
  /** Requests that have not been answered, by key, in the order of the log. Undefined: it asks for nothing that makes sense. */
  readonly requests: Map<string, ScheduleRequest | undefined> = new Map();
  readonly #id = new Int32Array(4);
  readonly #gone: (offset: number) => void;

  /** `gone` is told of entries that wait no more, by their offsets: something has taken their place, or nothing has. */
  constructor(gone: (offset: number) => void = () => {}) {
    this.#gone = gone;
  }

  /**
   * Takes a record that was written since this was loaded. Entries that say what became of a request were written by the
   * partition's owner, who has known of them since, and may have dispatched or cancelled them: the log is behind.
   */
  follow(record: FetchedRecord): number | undefined {
    const isVerdict = !record.isTombstone && record.readLastHeader(VERDICT, () => true) === true;
    if (!isVerdict || !this.#readId(record)) return this.take(record);
    const place = this.index.find(this.#id);
    return place >= 0 && this.index.has(place, record.offset) ? this.index.dueOf(place) : undefined;
  }

  /** Takes the next record of the log. Gives the instant at which it is due, where it is an entry that waits. */
  take(record: FetchedRecord): number | undefined {
    const hasId = this.#readId(record);
    const due = hasId && !record.isTombstone ? (record.readLastHeader(AT, readIsoTime) ?? Number.NaN) : Number.NaN;
    if (Number.isNaN(due)) return this.#takeOther(record, hasId);
    if (this.doomed.size > 0) this.doomed.delete(decoder.decode(record.key!));
    this.#set(due, record.offset);
    return due;
  }

  /** No view of the key is made: of a million entries that would be most of the work. */
  #readId(record: FetchedRecord): boolean {
    return record.readKey(this.#intoId) === true;
  }

  readonly #intoId = (bytes: Uint8Array, from: number, to: number): boolean => readEntryId(bytes, this.#id, from, to);

  /** A request, the end of an entry, or something that is none. */
  #takeOther(record: FetchedRecord, hasId: boolean): undefined {
    const { key } = record;
    // A compacted topic has no such record.
    if (key === null) return;
    const text = decoder.decode(key);
    if (isRequestKey(key)) return this.#takeRequest(text, record);
    this.doomed.delete(text);
    const place = hasId ? this.index.find(this.#id) : -1;
    if (place >= 0) this.#remove(place);
    if (record.isTombstone) return;
    const error = new UndispatchableError("it has no UUID for its key, or does not say when it is due");
    this.doomed.set(text, { offset: record.offset, error });
  }

  /** The entry whose id was read last has this time and this place in the log. */
  #set(due: number, offset: number): void {
    const known = this.index.find(this.#id);
    if (known >= 0) this.#gone(this.index.offsetOf(known));
    this.index.set(this.#id, due, offset);
  }

  #remove(place: number): void {
    this.#gone(this.index.offsetOf(place));
    this.index.remove(place);
  }

  #takeRequest(key: string, record: FetchedRecord): undefined {
    if (record.value === null) this.requests.delete(key);
    else this.requests.set(key, readRequest(record));
  }

  /** An entry of the index turns out to be one that can never be dispatched. */
  doom(place: number, error: UndispatchableError): void {
    this.doomed.set(this.index.idOf(place), { offset: this.index.offsetOf(place), error });
    this.#remove(place);
  }

  /** Where the log has an entry, by its text; undefined: there is none. */
  offsetOf(entry: string): number | undefined {
    const place = this.find(entry);
    return place >= 0 ? this.index.offsetOf(place) : this.doomed.get(entry)?.offset;
  }

  /** The entry is gone. */
  forget(entry: string): void {
    const place = this.find(entry);
    if (place >= 0) this.#remove(place);
    this.doomed.delete(entry);
  }

  /** The place of an entry by its text; -1: there is none. */
  find(entry: string): number {
    return readEntryId(encoder.encode(entry), this.#id) ? this.index.find(this.#id) : -1;
  }

  /** An entry has another time, and a record of its own for that. */
  moved(entry: string, due: number, offset: number): void {
    this.doomed.delete(entry);
    if (readEntryId(encoder.encode(entry), this.#id)) this.#set(due, offset);
  }
}
