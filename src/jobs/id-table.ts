/** What it begins with, so that a partition with few jobs costs little. */
const FIRST_IDS = 16;
const FIRST_BYTES = 256;
const GROWTH = 1.5;
/** Of the slots, so many may be taken: looking up stays short. */
const LOAD = 0.7;

/**
 * Ids, each with a time and an offset, in flat memory: a window may have millions of them, and none of that is the
 * garbage collector's business. Ids are compared whole: a hash alone would some day take two for one.
 */
export class IdTable {
  #count = 0;
  /** All ids, one after the other, and where each ends. */
  #bytes = new Uint8Array(FIRST_BYTES);
  #ends = new Uint32Array(FIRST_IDS);
  #hashes = new Uint32Array(FIRST_IDS);
  #times = new Float64Array(FIRST_IDS);
  #offsets = new Float64Array(FIRST_IDS);
  /** By hash: one more than the number of an id, or 0. */
  #slots = new Uint32Array(slotsFor(FIRST_IDS));

  get size(): number {
    return this.#count;
  }
  /** Of all that is kept, room to grow included. */
  get byteLength(): number {
    const parts = [this.#bytes, this.#ends, this.#hashes, this.#times, this.#offsets, this.#slots];
    return parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** The number of an id, or -1. `hash`: always the same of one id, from 0 up to 2³² - 1. */
  find(id: Uint8Array, hash: number): number {
    return this.#slots[this.#slotOf(id, hash)]! - 1;
  }
  timeOf(at: number): number {
    return this.#times[at]!;
  }
  offsetOf(at: number): number {
    return this.#offsets[at]!;
  }

  set(at: number, time: number, offset: number): void {
    this.#times[at] = time;
    this.#offsets[at] = offset;
  }

  /** Adds an id that is not there. */
  add(id: Uint8Array, hash: number, time: number, offset: number): void {
    const start = this.#count === 0 ? 0 : this.#ends[this.#count - 1]!;
    const end = start + id.length;
    if (end > this.#bytes.length) this.#bytes = resized(this.#bytes, Math.max(end, Math.ceil(end * GROWTH)));
    if (this.#count === this.#ends.length) this.#resize(Math.ceil(this.#count * GROWTH));
    this.#bytes.set(id, start);
    this.#ends[this.#count] = end;
    this.#hashes[this.#count] = hash;
    this.set(this.#count, time, offset);
    this.#slots[this.#slotOf(id, hash)] = ++this.#count;
  }

  /** Forgets the ids whose offset is not below this one: nothing is at most any time later than them. */
  forgetFrom(offset: number): void {
    for (let at = 0; at < this.#count; at++)
      if (this.#offsets[at]! >= offset) this.#times[at] = Number.NEGATIVE_INFINITY;
  }

  /** Gives back the room to grow. */
  trim(): void {
    this.#bytes = this.#bytes.slice(0, this.#count === 0 ? 0 : this.#ends[this.#count - 1]!);
    this.#resize(this.#count);
  }

  #resize(ids: number): void {
    this.#ends = resized(this.#ends, ids);
    this.#hashes = resized(this.#hashes, ids);
    this.#times = resized(this.#times, ids);
    this.#offsets = resized(this.#offsets, ids);
    this.#slots = new Uint32Array(slotsFor(ids));
    for (let at = 0; at < this.#count; at++) {
      let slot = this.#hashes[at]! % this.#slots.length;
      while (this.#slots[slot] !== 0) slot = slot + 1 === this.#slots.length ? 0 : slot + 1;
      this.#slots[slot] = at + 1;
    }
  }

  /** Where the id is, or would be put. */
  #slotOf(id: Uint8Array, hash: number): number {
    let slot = hash % this.#slots.length;
    for (; this.#slots[slot] !== 0; slot = slot + 1 === this.#slots.length ? 0 : slot + 1) {
      const at = this.#slots[slot]! - 1;
      if (this.#hashes[at] === hash && this.#isAt(id, at)) return slot;
    }
    return slot;
  }

  #isAt(id: Uint8Array, at: number): boolean {
    const start = at === 0 ? 0 : this.#ends[at - 1]!;
    if (this.#ends[at]! - start !== id.length) return false;
    for (let i = 0; i < id.length; i++) if (this.#bytes[start + i] !== id[i]) return false;
    return true;
  }
}

function slotsFor(ids: number): number {
  return Math.ceil(ids / LOAD) + 1;
}

function resized<T extends Uint8Array | Uint32Array | Float64Array>(from: T, length: number): T {
  const to = new (from.constructor as new (length: number) => T)(length);
  to.set(from.subarray(0, length));
  return to;
}

/** FNV-1a, and what makes its high bits count in the low ones. With a `seed` that nobody knows, nobody can choose ids that meet. */
export function hashOf(id: Uint8Array, seed: number): number {
  let hash = seed | 0;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id[i]!, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
