import { entryIdText } from "./entry-id.ts";
import { Heap } from "./heap.ts";

/** Entries of one chunk of memory: it grows by chunks, so that nothing is ever copied. */
const CHUNK = 16_384;
const SHIFT = 14;
const MASK = CHUNK - 1;
const FIRST_TABLE = 1_024;
/** Of the table, so much may be taken: looking up stays short. */
const LOAD = 0.6;
const NONE = -1;

interface Chunk {
  /** Four parts an entry. */
  readonly ids: Int32Array;
  readonly due: Float64Array;
  readonly offset: Float64Array;
  /** Where it is in the heap; -1: it is not. Of a place that is free: the next that is. */
  readonly heapAt: Int32Array;
}

/**
 * The entries of a schedule partition by id, and by when they are due: ids, times and offsets, some 50 bytes an entry,
 * in flat memory that is none of the garbage collector's business. An entry is known by its place here until it is removed.
 * What is due at one instant is in the order of the log (S7.2).
 */
export class ScheduleIndex {
  readonly #chunks: Chunk[] = [];
  /** Places that have been in use. */
  #used = 0;
  #free = NONE;
  #size = 0;
  /** Open addressing: places plus one, or 0. */
  #table = new Int32Array(FIRST_TABLE);
  /** Places, the next due one first. */
  #heap = new Int32Array(CHUNK);
  #heapSize = 0;

  get size(): number {
    return this.#size;
  }

  /** The place of an entry; -1: there is none. */
  find(id: Int32Array): number {
    const mask = this.#table.length - 1;
    for (let at = hashOf(id, 0) & mask; ; at = (at + 1) & mask) {
      const place = this.#table[at]! - 1;
      if (place < 0) return NONE;
      if (this.#is(place, id)) return place;
    }
  }

  #is(place: number, id: Int32Array): boolean {
    const { ids } = this.#chunks[place >> SHIFT]!;
    const at = (place & MASK) << 2;
    return ids[at] === id[0] && ids[at + 1] === id[1] && ids[at + 2] === id[2] && ids[at + 3] === id[3];
  }

  dueOf(place: number): number {
    return this.#chunks[place >> SHIFT]!.due[place & MASK]!;
  }

  offsetOf(place: number): number {
    return this.#chunks[place >> SHIFT]!.offset[place & MASK]!;
  }

  idOf(place: number): string {
    return entryIdText(this.#chunks[place >> SHIFT]!.ids, (place & MASK) << 2);
  }

  /** Adds an entry, or what has taken the place of one that there is. */
  set(id: Int32Array, due: number, offset: number): number {
    const known = this.find(id);
    if (known !== NONE) this.remove(known);
    if (this.#size + 1 > this.#table.length * LOAD) this.#growTable();
    const place = this.#takePlace();
    const chunk = this.#chunks[place >> SHIFT]!;
    chunk.ids.set(id, (place & MASK) << 2);
    chunk.due[place & MASK] = due;
    chunk.offset[place & MASK] = offset;
    chunk.heapAt[place & MASK] = NONE;
    this.#insert(place);
    this.#size++;
    this.attach(place);
    return place;
  }

  #takePlace(): number {
    if (this.#free !== NONE) {
      const place = this.#free;
      this.#free = this.#chunks[place >> SHIFT]!.heapAt[place & MASK]!;
      return place;
    }
    if (this.#used === this.#chunks.length * CHUNK) {
      this.#chunks.push({
        ids: new Int32Array(4 * CHUNK),
        due: new Float64Array(CHUNK),
        offset: new Float64Array(CHUNK),
        heapAt: new Int32Array(CHUNK),
      });
    }
    return this.#used++;
  }

  #insert(place: number): void {
    const mask = this.#table.length - 1;
    let at = this.#hashAt(place) & mask;
    while (this.#table[at] !== 0) at = (at + 1) & mask;
    this.#table[at] = place + 1;
  }

  #hashAt(place: number): number {
    return hashOf(this.#chunks[place >> SHIFT]!.ids, (place & MASK) << 2);
  }

  #growTable(): void {
    const before = this.#table;
    this.#table = new Int32Array(before.length * 2);
    for (const taken of before) if (taken !== 0) this.#insert(taken - 1);
  }

  remove(place: number): void {
    this.detach(place);
    this.#takeOut(place);
    const chunk = this.#chunks[place >> SHIFT]!;
    chunk.offset[place & MASK] = NONE;
    chunk.heapAt[place & MASK] = this.#free;
    this.#free = place;
    this.#size--;
    if (this.#size === 0) this.#reset();
  }

  /** What a great number of entries has taken is given back once none is left. */
  #reset(): void {
    this.#chunks.length = 0;
    this.#used = 0;
    this.#free = NONE;
    this.#table = new Int32Array(FIRST_TABLE);
    this.#heap = new Int32Array(CHUNK);
  }

  /** Closes the gap, so that what stands behind it is found. */
  #takeOut(place: number): void {
    const table = this.#table;
    const mask = table.length - 1;
    let gap = this.#hashAt(place) & mask;
    while (table[gap] !== place + 1) gap = (gap + 1) & mask;
    for (let at = (gap + 1) & mask; table[at] !== 0; at = (at + 1) & mask) {
      const home = this.#hashAt(table[at]! - 1) & mask;
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      table[gap] = table[at]!;
      gap = at;
    }
    table[gap] = 0;
  }

  /** The place of the entry that is due next; -1: there is none. */
  get first(): number {
    return this.#heapSize === 0 ? NONE : this.#heap[0]!;
  }

  /** Whether the place still has the entry that was written at `offset`. */
  has(place: number, offset: number): boolean {
    return place >> SHIFT < this.#chunks.length && this.offsetOf(place) === offset;
  }

  /** Leaves an entry out of what is due, and keeps it. */
  detach(place: number): void {
    const { heapAt } = this.#chunks[place >> SHIFT]!;
    const at = heapAt[place & MASK]!;
    if (at === NONE) return;
    heapAt[place & MASK] = NONE;
    const last = this.#heap[--this.#heapSize]!;
    if (last === place) return;
    this.#put(last, at);
    this.#rise(at);
    this.#sink(this.#heapAtOf(last));
  }

  /** Counts an entry that was left out again. */
  attach(place: number): void {
    if (this.#heapAtOf(place) !== NONE) return;
    if (this.#heapSize === this.#heap.length) {
      const grown = new Int32Array(Math.ceil(this.#heap.length * 1.5));
      grown.set(this.#heap);
      this.#heap = grown;
    }
    this.#put(place, this.#heapSize++);
    this.#rise(this.#heapSize - 1);
  }

  /** Places of the next entries, at most `most`, that are due by `limit`: in order, and left where they are. */
  next(most: number, limit: number): number[] {
    const found: number[] = [];
    // Of the heap's own tree, what stands right below what was found.
    const edge = new Heap<number>((a, b) => this.isBefore(this.#heap[a]!, this.#heap[b]!));
    if (this.#heapSize > 0) edge.add(0);
    while (found.length < most) {
      const at = edge.shift();
      if (at === undefined || this.dueOf(this.#heap[at]!) > limit) return found;
      found.push(this.#heap[at]!);
      for (const child of [2 * at + 1, 2 * at + 2]) if (child < this.#heapSize) edge.add(child);
    }
    return found;
  }

  #heapAtOf(place: number): number {
    return this.#chunks[place >> SHIFT]!.heapAt[place & MASK]!;
  }

  #put(place: number, at: number): void {
    this.#heap[at] = place;
    this.#chunks[place >> SHIFT]!.heapAt[place & MASK] = at;
  }

  /** Whether one entry is due before another, or stands before it in the log. */
  isBefore(a: number, b: number): boolean {
    const [dueA, dueB] = [this.dueOf(a), this.dueOf(b)];
    return dueA < dueB || (dueA === dueB && this.offsetOf(a) < this.offsetOf(b));
  }

  #rise(from: number): void {
    const place = this.#heap[from]!;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.isBefore(place, this.#heap[parent]!)) break;
      this.#put(this.#heap[parent]!, at);
      at = parent;
    }
    this.#put(place, at);
  }

  #sink(from: number): void {
    const place = this.#heap[from]!;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#heapSize) break;
      if (child + 1 < this.#heapSize && this.isBefore(this.#heap[child + 1]!, this.#heap[child]!)) child++;
      if (!this.isBefore(this.#heap[child]!, place)) break;
      this.#put(this.#heap[child]!, at);
      at = child;
    }
    this.#put(place, at);
  }
}

/** The time in a UUID of version 7 is much the same in many: its random half is what tells them apart. */
function hashOf(ids: Int32Array, at: number): number {
  let hash = ids[at + 3]! ^ Math.imul(ids[at + 2]!, 0x9e37_79b1) ^ Math.imul(ids[at + 1]!, 0x85eb_ca6b) ^ ids[at]!;
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb_352d);
  return hash ^ (hash >>> 15);
}
