import type { JobRecord } from "./received-job.ts";

/** A record that knows how many bytes it keeps. */
export interface BufferedRecord extends JobRecord {
  readonly byteLength: number;
}

const COMPACT_AT = 1_024;

/** Counts bytes over several buffers. */
export interface ByteCounter {
  bytes: number;
}

/** Fetched records of one partition that have not been run, in offset order. */
export class RecordBuffer {
  #records: (BufferedRecord | undefined)[] = [];
  #head = 0;
  #byteLength = 0;
  readonly #total: ByteCounter;

  constructor(total: ByteCounter) {
    this.#total = total;
  }

  get length(): number {
    return this.#records.length - this.#head;
  }
  get first(): BufferedRecord | undefined {
    return this.#records[this.#head];
  }

  push(records: readonly BufferedRecord[]): void {
    for (const record of records) {
      this.#records.push(record);
      this.#count(record.byteLength);
    }
  }

  /** Lets go of the first record and of its bytes. */
  shift(): void {
    const first = this.#records[this.#head];
    if (first === undefined) return;
    this.#count(-first.byteLength);
    this.#records[this.#head++] = undefined;
    if (this.#head < COMPACT_AT || this.#head * 2 < this.#records.length) return;
    this.#records = this.#records.slice(this.#head);
    this.#head = 0;
  }

  clear(): void {
    this.#records = [];
    this.#head = 0;
    this.#count(-this.#byteLength);
  }

  #count(bytes: number): void {
    this.#byteLength += bytes;
    this.#total.bytes += bytes;
  }
}
