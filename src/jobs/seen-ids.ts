import { hashOf, IdTable } from "./id-table.ts";

/** In so many parts the time is divided for which ids are kept: each is let go of as a whole. */
const PARTS = 8;

interface Part {
  readonly ids: IdTable;
  /** Between these times its ids came (ms since 1970). */
  readonly since: number;
  until: number;
}

/** The ids of a partition's jobs, for as long as they may make duplicates of later ones. */
export class SeenIds {
  readonly #window: number;
  readonly #keep: number;
  readonly #seed: number;
  /** Newest first. */
  #parts: readonly Part[] = [];

  /** `keep`, in milliseconds as `window`: how long an id is remembered. Longer, since not all records come in order. */
  constructor(window: number, keep: number, seed: number) {
    this.#window = window;
    this.#keep = keep;
    this.#seed = seed;
  }

  get size(): number {
    return this.#parts.reduce((sum, { ids }) => sum + ids.size, 0);
  }
  get byteLength(): number {
    return this.#parts.reduce((sum, { ids }) => sum + ids.byteLength, 0);
  }

  /**
   * Notes the id of the record at `offset`. Gives the offset of the first record that it repeats, as far as is
   * remembered, or undefined. `now`: no record is taken to be newer, for a clock that is ahead would have all forgotten.
   */
  see(id: Uint8Array, timestamp: number, offset: number, now: number): number | undefined {
    const current = this.#partAt(Math.min(timestamp, now)).ids;
    const hash = hashOf(id, this.#seed);
    for (const { ids } of this.#parts) {
      const at = ids.find(id, hash);
      if (at < 0) continue;
      const [time, first] = [ids.timeOf(at), ids.offsetOf(at)];
      const repeats = first < offset && timestamp - time <= this.#window;
      const [newest, of] = repeats ? [Math.max(time, timestamp), first] : [timestamp, offset];
      if (ids === current) ids.set(at, newest, of);
      else current.add(id, hash, newest, of);
      return repeats ? first : undefined;
    }
    current.add(id, hash, timestamp, offset);
    return undefined;
  }

  /** Records from `offset` on are not in the log any more. */
  forgetFrom(offset: number): void {
    for (const { ids } of this.#parts) ids.forgetFrom(offset);
  }

  #partAt(time: number): Part {
    const current = this.#parts[0];
    if (current !== undefined && time - current.since < this.#keep / PARTS) return current;
    if (current !== undefined) {
      current.ids.trim();
      current.until = time;
    }
    const part: Part = { ids: new IdTable(), since: time, until: Number.POSITIVE_INFINITY };
    this.#parts = [part, ...this.#parts.filter(({ until }) => time - until <= this.#keep)];
    return part;
  }
}
