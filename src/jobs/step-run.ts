import type { Clock } from "../net/clock.ts";
import { checkOptions, describe, optionalBoolean, optionalFunction, within } from "./check-options.ts";
import { InvalidOptionError } from "./errors.ts";
import { encodeProgress, isStepName, MAX_PROGRESS_BYTES, type Progress, type StepProgress } from "./progress.ts";
import { type Cursor, RunningStep, type StepSink } from "./step.ts";
import { ProgressTooLargeError, StepError, type StepProblem } from "./step-errors.ts";

/**
 * Why a run of a job with steps ended before the job did. "stopping": its worker closes, or is quiet. "revoked": its
 * partition goes to another worker. "isolated": a step has a run of its own.
 */
export type InterruptReason = "stopping" | "revoked" | "isolated";

/** Thrown by a step's checkpoint to end the run. Let it pass: what catches it and goes on gets it again at the next one. */
export class StepInterrupt extends Error {
  override readonly name = "StepInterrupt";
  readonly reason: InterruptReason;

  constructor(job: string, reason: InterruptReason) {
    super(`job "${job}" is interrupted (${reason}) and goes on from here later: let this error pass`);
    this.reason = reason;
  }
}

/** What a run with steps is a part of. */
export interface StepHost {
  /** The job's name. */
  readonly job: string;
  /** Where the job got to before. */
  readonly progress: Progress;
  /** Why the run is to end at its next checkpoint. Undefined: it is not. */
  readonly interruption: InterruptReason | undefined;
  /** Whether nothing ends the run before the job: steps have no runs of their own. */
  readonly isStraight: boolean;
  /** Called before the run's first step that is not skipped. */
  prepare(): Promise<void> | undefined;
  /** The job has got so far. */
  progressed(progress: Progress): void;
}

/** Milliseconds after which a run that only passes checkpoints lets others have their turn. */
const TURN_MS = 10;
/** An error's causes are followed this far: they may be a circle. */
const MAX_CAUSES = 16;
const encoder = new TextEncoder();

/** The steps of one run of a job (S7.7): skips those that are finished, keeps their order, and ends the run at a checkpoint. */
export class StepRun {
  readonly #host: StepHost;
  readonly #clock: Clock;
  readonly #finished: string[];
  #current: StepProgress | undefined;
  readonly #resumptions: number;
  /** Those that this run has come to. */
  readonly #seen = new Set<string>();
  #running: string | undefined;
  /** It has failed, or was interrupted, and not been finished since. */
  #unfinished: string | undefined;
  #isIsolating = false;
  #isPrepared = false;
  #hasProgressed = false;
  #interrupt: StepInterrupt | undefined;
  #isOver = false;
  #turnAt: number;
  /** Bytes of what is fixed, roughly: what is near the limit is measured. */
  #bytes: number;

  constructor(host: StepHost, clock: Clock) {
    this.#host = host;
    this.#clock = clock;
    const { steps, step, resumptions } = host.progress;
    this.#finished = [...steps];
    this.#current = step;
    this.#resumptions = resumptions;
    this.#turnAt = clock.monotonic();
    this.#bytes = encoder.encode(encodeProgress(this.progress)).length;
  }

  /** Whether this run has got any further. */
  get hasProgressed(): boolean {
    return this.#hasProgressed;
  }

  get progress(): Progress {
    return { steps: this.#finished, step: this.#current, resumptions: this.#resumptions, resumeAt: 0 };
  }

  /** The interruption that an error is, or was caused by; undefined: it has to do with none of this run. */
  interruptOf(error: unknown): StepInterrupt | undefined {
    let each = error;
    for (let depth = 0; depth < MAX_CAUSES && each !== undefined && each !== null; depth++) {
      if (each === this.#interrupt) return this.#interrupt;
      each = (each as { readonly cause?: unknown }).cause;
    }
    return undefined;
  }

  async step(name: string, work: (step: never) => unknown, options: unknown): Promise<void> {
    const { job } = this.#host;
    const isIsolated = checkCall(job, name, work, options);
    if (this.#isPast(name)) return;
    this.#isIsolating ||= isIsolated;
    const isIsolating = this.#isIsolating && !this.#host.isStraight;
    if (this.#hasProgressed) this.#interruptIf(this.#host.interruption ?? (isIsolating ? "isolated" : undefined));
    this.#running = name;
    try {
      if (!this.#isPrepared) await this.#host.prepare();
      this.#isPrepared = true;
      this.#checkOpen(name);
      this.#current ??= { name, cursor: undefined };
      const { cursor } = this.#current;
      const parsed = cursor === undefined ? undefined : (JSON.parse(cursor) as Cursor);
      const sink: StepSink = {
        moved: (text) => {
          this.#checkRunning(name);
          this.#moved(text);
        },
        checkpoint: async () => {
          this.#checkRunning(name);
          await this.#checkpoint();
        },
      };
      await work(new RunningStep(job, name, parsed, sink) as never);
      this.#checkOpen(name);
      this.#finish(name);
    } catch (error) {
      this.#unfinished = name;
      throw error;
    } finally {
      this.#running = undefined;
    }
  }

  /** Whether the step is finished. Throws where its turn is not now. */
  #isPast(name: string): boolean {
    this.#checkOpen(name);
    if (this.#running !== undefined)
      throw this.#error("STEP_NESTED", name, `step "${this.#running}" still runs: await it`);
    if (this.#interrupt !== undefined) throw this.#interrupt;
    if (this.#unfinished !== undefined)
      throw this.#error("STEP_UNFINISHED", name, `step "${this.#unfinished}" before it has failed: let its error pass`);
    if (this.#seen.has(name))
      throw this.#error("STEP_TWICE", name, "the run had a step of that name: each needs its own");
    const at = this.#seen.size;
    const expected = this.#finished[at] ?? this.#current?.name;
    if (expected !== undefined && expected !== name) {
      const problem = `an earlier run had "${expected}" in its place: steps have to come in the same order in every run`;
      throw this.#error("STEP_ORDER", name, problem);
    }
    this.#seen.add(name);
    return at < this.#finished.length;
  }

  #finish(name: string): void {
    this.#bytes += this.#measure(name) + 3;
    if (this.#bytes > MAX_PROGRESS_BYTES) this.#checkSize(name, { steps: [...this.#finished, name], step: undefined });
    this.#finished.push(name);
    this.#current = undefined;
    this.#progressed();
  }

  #progressed(): void {
    this.#hasProgressed = true;
    this.#host.progressed(this.progress);
  }

  #moved(text: string): void {
    const { name, cursor } = this.#current!;
    // A run that is nowhere else has got no further: what then fails is to count.
    if (cursor === text) return;
    const step = { name, cursor: text };
    if (this.#bytes + 3 * (text.length + name.length) > MAX_PROGRESS_BYTES) this.#checkSize(name, { step });
    this.#current = step;
    this.#progressed();
  }

  #checkSize(name: string, changed: Partial<Progress>): void {
    const bytes = this.#measure(encodeProgress({ ...this.progress, ...changed }));
    if (bytes > MAX_PROGRESS_BYTES) throw new ProgressTooLargeError(this.#host.job, name, bytes, MAX_PROGRESS_BYTES);
  }

  #measure(text: string): number {
    return encoder.encode(text).length;
  }

  async #checkpoint(): Promise<void> {
    // Others have to have their turn: whoever closes the worker, and its heartbeats.
    if (this.#clock.monotonic() - this.#turnAt >= TURN_MS) {
      await new Promise<void>((resolve) => this.#clock.soon(resolve));
      this.#turnAt = this.#clock.monotonic();
    }
    if (this.#interrupt !== undefined) throw this.#interrupt;
    if (this.#hasProgressed) this.#interruptIf(this.#host.interruption);
  }

  #interruptIf(reason: InterruptReason | undefined): void {
    if (reason === undefined) return;
    this.#interrupt = new StepInterrupt(this.#host.job, reason);
    throw this.#interrupt;
  }

  #checkOpen(name: string): void {
    if (this.#isOver)
      throw this.#error("STEP_ENDED", name, "the run has ended: await each step before perform returns");
  }

  #checkRunning(name: string): void {
    this.#checkOpen(name);
    if (this.#running !== name)
      throw this.#error("STEP_ENDED", name, "it has ended: await what it does before it returns");
  }

  #error(code: StepProblem, step: string, problem: string): StepError {
    return new StepError(code, this.#host.job, step, problem);
  }

  /** The run has ended: nothing that it still does counts. */
  end(): void {
    this.#isOver = true;
  }
}

/** Whether the step is isolated. */
function checkCall(job: string, name: unknown, work: unknown, value: unknown): boolean {
  const path = `job "${job}".step`;
  if (!isStepName(name)) throw new InvalidOptionError(path, `${describe(name)} given as a name, text is expected`);
  const own = `${path}("${name}")`;
  if (work === undefined) throw new InvalidOptionError(own, "a function is expected: what the step does");
  optionalFunction(work, own);
  const { isolated } = checkOptions(value, own, ["isolated"]);
  return optionalBoolean(isolated, within(own, "isolated")) ?? false;
}
