import { Session } from "node:inspector";
import type { Feedback } from "./fuzzer.ts";

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}
interface Script {
  readonly url: string;
  readonly functions: readonly { readonly isBlockCoverage: boolean; readonly ranges: readonly Range[] }[];
}

/**
 * Which blocks of some files have been run, as V8 counts them: it needs no tool beside Node. What is counted is all that
 * runs between two looks, so there is one of it in a process.
 */
export class Coverage implements Feedback {
  readonly #session = new Session();
  readonly #isWatched: (url: string) => boolean;
  /** Of each file, where something was run. */
  readonly #painted = new Map<string, Uint8Array>();
  /** Where blocks begin or end. */
  readonly #borders = new Map<string, Set<number>>();

  constructor(isWatched: (url: string) => boolean) {
    this.#isWatched = isWatched;
    this.#session.connect();
    this.#post("Profiler.enable");
    this.#post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  #post(method: string, params: object = {}): unknown {
    let answer: unknown;
    this.#session.post(method, params, (error: Error | null, result: unknown) => {
      if (error !== null) throw error;
      answer = result;
    });
    return answer;
  }

  hasNew(): boolean {
    return this.#look(false);
  }

  grew(): boolean {
    return this.#look(true);
  }

  #look(paints: boolean): boolean {
    const { result } = this.#post("Profiler.takePreciseCoverage") as { result: readonly Script[] };
    let hasGrown = false;
    for (const { url, functions } of result) {
      if (!this.#isWatched(url)) continue;
      for (const { ranges } of functions) if (ranges[0]!.count > 0 && this.#paint(url, ranges, paints)) hasGrown = true;
    }
    return hasGrown;
  }

  /** Inner ranges come after those that they are in. */
  #paint(url: string, ranges: readonly Range[], paints: boolean): boolean {
    const [whole] = ranges;
    const painted = this.#of(url, ranges[0]!.endOffset);
    const borders = this.#borders.get(url)!;
    const run = new Uint8Array(whole!.endOffset - whole!.startOffset);
    for (const { startOffset, endOffset, count } of ranges) {
      borders.add(startOffset).add(endOffset);
      run.fill(count > 0 ? 1 : 0, startOffset - whole!.startOffset, endOffset - whole!.startOffset);
    }
    let isNew = false;
    for (let i = 0; i < run.length; i++) {
      if (run[i] === 0 || painted[whole!.startOffset + i] === 1) continue;
      if (paints) painted[whole!.startOffset + i] = 1;
      isNew = true;
    }
    return isNew;
  }

  #of(url: string, size: number): Uint8Array {
    let painted = this.#painted.get(url) ?? new Uint8Array(0);
    if (painted.length < size) {
      const larger = new Uint8Array(2 * size);
      larger.set(painted);
      painted = larger;
      this.#painted.set(url, painted);
      if (!this.#borders.has(url)) this.#borders.set(url, new Set());
    }
    return painted;
  }

  /** So many blocks were run. */
  get blocks(): number {
    let count = 0;
    for (const [url, borders] of this.#borders)
      for (const at of borders) if (this.#painted.get(url)![at] === 1) count++;
    return count;
  }
}
