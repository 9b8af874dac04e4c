import { spansRead, tokenSpans } from "./field-spans.ts";
import { type Known, mutated } from "./mutate.ts";
import { Random } from "./random.ts";
import type { FuzzTarget } from "./target.ts";

/** Tells whether anything was run that never was before. */
export interface Feedback {
  /** Since the last call of either. It stays new. */
  hasNew(): boolean;
  /** The same, and it is not new any more. */
  grew(): boolean;
}

export interface Finding {
  readonly input: Uint8Array;
  readonly error: unknown;
}

/** So many inputs are run before it is looked whether one of them was anywhere new: looking takes longer than most. */
const BATCH = 24;
/** An input that takes longer, in ms, is a finding: what hangs never comes so far. */
const SLOW = 2_000;

/** Looks for inputs that a target does not deal with as it should, and keeps those that get it to new places. */
export class Fuzzer {
  readonly target: FuzzTarget;
  readonly #feedback: Feedback;
  readonly #random: Random;
  readonly #words: readonly Uint8Array[];
  /** Told of each input before it is run. */
  readonly #runs: (input: Uint8Array) => void;
  readonly #known: Known[] = [];
  readonly #findings = new Map<string, Finding>();
  /** Inputs that are none of the target's own seeds. */
  readonly #kept: Uint8Array[] = [];
  inputs = 0;

  constructor(target: FuzzTarget, feedback: Feedback, seed: number, runs: (input: Uint8Array) => void = () => {}) {
    this.target = target;
    this.#feedback = feedback;
    this.#random = new Random(seed);
    this.#runs = runs;
    this.#words = (target.words ?? []).map((word) => new TextEncoder().encode(word));
  }

  /** One of each kind. */
  get findings(): readonly Finding[] {
    return [...this.#findings.values()];
  }

  get kept(): readonly Uint8Array[] {
    return this.#kept;
  }

  /** Runs the target's own inputs and those that failed once, then those that were kept, the small ones first. */
  async begin(kept: readonly Uint8Array[], found: readonly Uint8Array[]): Promise<void> {
    for (const input of [...this.target.seeds(), ...found]) {
      await this.#run(input);
      this.#feedback.grew();
      await this.#learn(input);
    }
    for (const input of kept.toSorted((a, b) => a.length - b.length)) {
      await this.#run(input);
      if (this.#feedback.grew()) await this.#keep(input);
    }
  }

  /** Runs some changed inputs. */
  async step(): Promise<void> {
    const batch = Array.from({ length: BATCH }, () =>
      mutated(this.#random, this.#choose(), this.#choose(), this.#words),
    );
    for (const input of batch) await this.#run(input);
    if (!this.#feedback.hasNew()) return;
    for (const input of batch) {
      await this.#run(input);
      if (!this.#feedback.hasNew()) continue;
      const small = await this.#smaller(input);
      await this.#run(small);
      this.#feedback.grew();
      await this.#keep(small);
    }
    // What is not run again, as what is done only once, must not be found anew each time.
    this.#feedback.grew();
  }

  /** Of two the later: what has come last is what has been changed least. */
  #choose(): Known {
    const [a, b] = [this.#random.int(this.#known.length), this.#random.int(this.#known.length)];
    return this.#known[Math.max(a, b)]!;
  }

  async #run(input: Uint8Array): Promise<void> {
    this.inputs++;
    this.#runs(input);
    const began = performance.now();
    try {
      await this.target.run(input);
      if (performance.now() - began > SLOW) throw new Error(`it took more than ${SLOW} ms`);
    } catch (error) {
      const kind = kindOf(error);
      const known = this.#findings.get(kind);
      if (known === undefined || input.length < known.input.length) this.#findings.set(kind, { input, error });
    }
  }

  async #keep(input: Uint8Array): Promise<void> {
    this.#kept.push(input);
    await this.#learn(input);
  }

  async #learn(bytes: Uint8Array): Promise<void> {
    const run = async (): Promise<void> => {
      try {
        await this.target.run(bytes);
      } catch {
        // It has been found.
      }
    };
    const spans = this.target.isText === true ? tokenSpans(bytes) : await spansRead(bytes, run);
    this.#known.push({ bytes, spans: spans.length > 0 ? spans : tokenSpans(bytes) });
  }

  /** The input without what it does not need to get anywhere new. */
  async #smaller(input: Uint8Array): Promise<Uint8Array> {
    let best = input;
    for (let size = best.length >> 1; size >= 1; size >>= 1) {
      for (let at = 0; at + size <= best.length; ) {
        const shorter = new Uint8Array(best.length - size);
        shorter.set(best.subarray(0, at));
        shorter.set(best.subarray(at + size), at);
        await this.#run(shorter);
        if (this.#feedback.hasNew()) best = shorter;
        else at += Math.max(size, best.length >> 5);
      }
    }
    return best;
  }
}

/** Where it was thrown, without what is in it. */
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const at = (error.stack ?? "").split("\n").find((line) => /\/(src|protocol|fuzz)\//.test(line)) ?? "";
  return `${error.name} ${at}`;
}
