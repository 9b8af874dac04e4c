/** Where the offsets of a leader epoch begin. */
export interface EpochStart {
  readonly epoch: number;
  readonly startOffset: number;
}

/** Which leader wrote which part of a log. */
export class LeaderEpochs {
  #starts: EpochStart[];

  constructor(starts: readonly EpochStart[] = []) {
    this.#starts = [...starts];
  }

  get starts(): readonly EpochStart[] {
    return this.#starts;
  }

  /** What is appended from `startOffset` on, the end of the log, is of this epoch. */
  begin(epoch: number, startOffset: number): void {
    if (this.#starts.at(-1)?.epoch === epoch) return;
    this.truncate(startOffset);
    this.#starts.push({ epoch, startOffset });
  }

  /** The log now ends at `endOffset`. */
  truncate(endOffset: number): void {
    this.#starts = this.#starts.filter((entry) => entry.startOffset < endOffset);
  }

  /**
   * The offset after the last one of `epoch` or, where the log has none of it, of the greatest epoch before it. Undefined
   * for an epoch that has not begun. `endOffset`: that of the log.
   */
  endOf(epoch: number, endOffset: number): { readonly epoch: number; readonly endOffset: number } | undefined {
    const last = this.#starts.at(-1);
    if (last === undefined || epoch > last.epoch) return undefined;
    if (epoch === last.epoch) return { epoch, endOffset };
    const next = this.#starts.findIndex((entry) => entry.epoch > epoch);
    return { epoch: this.#starts[next - 1]?.epoch ?? epoch, endOffset: this.#starts[next]!.startOffset };
  }

  /** The epoch in which the record at `offset` was written, or -1. */
  of(offset: number): number {
    return this.#starts.findLast((entry) => entry.startOffset <= offset)?.epoch ?? -1;
  }
}
