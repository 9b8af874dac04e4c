import type { FetchedRecord } from "../client/fetcher.ts";
import { readEntryId } from "./entry-id.ts";
import { AT_HEADER } from "./headers.ts";
import { readIsoTime } from "./iso-time.ts";
import { UndispatchableError } from "./schedule-errors.ts";
import { ScheduleIndex } from "./schedule-index.ts";
import { isRequestKey, readRequest, type ScheduleRequest } from "./schedule-request.ts";

const encoder = new TextEncoder();
const AT: Uint8Array = encoder.encode(AT_HEADER);
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

  /** Takes the next record of the log. Gives the instant at which it is due, where it is an entry that waits. */
  take(record: FetchedRecord): number | undefined {
    const { key } = record;
    // A compacted topic has no such record.
    if (key === null) return undefined;
    if (isRequestKey(key)) return this.#takeRequest(decoder.decode(key), record);
    const isDeleted = record.value === null;
    const hasId = readEntryId(key, this.#id);
    const at = isDeleted || !hasId ? undefined : record.lastHeader(AT);
    const due = at === undefined || at === null ? Number.NaN : readIsoTime(at);
    if (!Number.isNaN(due)) {
      if (this.doomed.size > 0) this.doomed.delete(decoder.decode(key));
      this.index.set(this.#id, due, record.offset);
      return due;
    }
    this.#forget(key, hasId);
    if (!isDeleted) {
      const error = new UndispatchableError("it has no UUID for its key, or does not say when it is due");
      this.doomed.set(decoder.decode(key), { offset: record.offset, error });
    }
    return undefined;
  }

  #takeRequest(key: string, record: FetchedRecord): undefined {
    if (record.value === null) this.requests.delete(key);
    else this.requests.set(key, readRequest(record));
  }

  /** An entry of the index turns out to be one that can never be dispatched. */
  doom(place: number, error: UndispatchableError): void {
    this.doomed.set(this.index.idOf(place), { offset: this.index.offsetOf(place), error });
    this.index.remove(place);
  }

  /** Where the log has an entry, by its text; undefined: there is none. */
  offsetOf(entry: string): number | undefined {
    const place = this.find(entry);
    return place >= 0 ? this.index.offsetOf(place) : this.doomed.get(entry)?.offset;
  }

  /** The entry is gone. */
  forget(entry: string): void {
    const place = this.find(entry);
    if (place >= 0) this.index.remove(place);
    this.doomed.delete(entry);
  }

  /** The place of an entry by its text; -1: there is none. */
  find(entry: string): number {
    return readEntryId(encoder.encode(entry), this.#id) ? this.index.find(this.#id) : -1;
  }

  /** An entry has another time, and a record of its own for that. */
  moved(entry: string, due: number, offset: number): void {
    this.doomed.delete(entry);
    if (readEntryId(encoder.encode(entry), this.#id)) this.index.set(this.#id, due, offset);
  }

  #forget(key: Uint8Array, hasId: boolean): void {
    if (this.doomed.size > 0) this.doomed.delete(decoder.decode(key));
    const place = hasId ? this.index.find(this.#id) : -1;
    if (place >= 0) this.index.remove(place);
  }
}
