import type { JobRecord } from "./received-job.ts";

/** A record that knows how many bytes it keeps. */
export interface BufferedRecord extends JobRecord {
  readonly byteLength: number;
}

const COMPACT_AT = 1_024;

/** Fetched records of one partition that have not been run, in offset order. */
export class RecordBuffer {
  #records: (BufferedRecord | undefined)[] = [];
  #head = 0;
  #byteLength = 0;

  get length(): number {
    return this.#records.length - this.#head;
  }
  get first(): BufferedRecord | undefined {
    return this.#records[this.#head];
  }
  get second(): BufferedRecord | undefined {
    return this.#records[this.#head + 1];
  }
  /** Bytes that the records keep. */
  get byteLength(): number {
    return this.#byteLength;
  }

  push(records: readonly BufferedRecord[]): void {
    for (const record of records) {
      this.#records.push(record);
      this.#byteLength += record.byteLength;
    }
  }

  /** Lets go of the first record and of its bytes. */
  shift(): void {
    const first = this.#records[this.#head];
    if (first === undefined) return;
    this.#byteLength -= first.byteLength;
    this.#records[this.#head++] = undefined;
    if (this.#head < COMPACT_AT || this.#head * 2 < this.#records.length) return;
    this.#records = this.#records.slice(this.#head);
    this.#head = 0;
  }

  /** Lets go of up to `most` records from the first on, as far as they are below `end`, and gives them. */
  takeFirst(most: number, end: number): BufferedRecord[] {
    const taken: BufferedRecord[] = [];
    for (let { first } = this; first !== undefined && taken.length < most && first.offset < end; { first } = this) {
      taken.push(first);
      this.shift();
    }
    return taken;
  }

  /** Lets go of all but the first `keep` records. Gives the first that is gone. */
  truncate(keep: number): BufferedRecord | undefined {
    const gone = this.#records[this.#head + keep];
    this.#records = this.#records.slice(this.#head, this.#head + keep);
    this.#head = 0;
    this.#byteLength = this.#records.reduce((sum, record) => sum + record!.byteLength, 0);
    return gone;
  }
}
