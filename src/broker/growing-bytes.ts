import type { StoredFile } from "./storage.ts";

/** Bytes in memory that grow at their end, for a log that keeps nothing. What was read stays as it was. */
export class GrowingBytes implements StoredFile {
  readonly #limit: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #size = 0;

  /** `capacity`: how many bytes to make room for at first. `limit`: how many it doubles up to, if it may. */
  constructor(capacity: number, limit: number) {
    this.#bytes = new Uint8Array(capacity);
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  append(bytes: Uint8Array): void {
    const size = this.#size + bytes.length;
    if (size > this.#bytes.length) this.#move(Math.max(size, Math.min(this.#limit, this.#bytes.length * 2)));
    this.#bytes.set(bytes, this.#size);
    this.#size = size;
  }

  read(position: number, length: number): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(position, position + length);
  }

  truncate(size: number): void {
    this.#size = size;
    // To another place: what is appended next must not be seen by those who have read what was cut.
    this.#move(size);
  }

  #move(capacity: number): void {
    const moved = new Uint8Array(capacity);
    moved.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = moved;
  }
}
