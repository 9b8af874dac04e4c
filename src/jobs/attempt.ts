/** One attempt at a job, from its start until its promise settles, whatever becomes of its partition meanwhile. */
export class Attempt {
  readonly offset: number;
  readonly startedAt: number;
  /** Its job's name; undefined where the record gives none. */
  job: string | undefined;
  #controller: AbortController | undefined;
  #reason: unknown;
  #aborted = false;

  constructor(offset: number, startedAt: number) {
    this.offset = offset;
    this.startedAt = startedAt;
  }

  /** Made when it is asked for: most jobs never do. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  get isAborted(): boolean {
    return this.#aborted;
  }

  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}
