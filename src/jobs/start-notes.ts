import type { MoveSource } from "./moves.ts";
import type { PartitionFailures } from "./partition-failures.ts";
import type { BufferedRecord } from "./record-buffer.ts";
import type { JobEnd } from "./sequel.ts";
import type { WorkerContext } from "./worker-context.ts";

/**
 * What Kafka has to know before a job of a partition starts (S4.8): that jobs are started at all, and which job is, where
 * the last owner died and one of its first batch may be why. Whoever finds this process dead goes by that.
 */
export class StartNotes {
  readonly #context: WorkerContext;
  readonly #source: MoveSource;
  readonly #failures: PartitionFailures;
  #isOpen = false;
  #wasOpen = false;
  /** Jobs below this offset are each noted as suspect before they start. */
  #suspectUntil = 0;
  /** Suspects that were noted here. */
  readonly #noted = new Set<number>();
  #isNoting = false;

  constructor(context: WorkerContext, source: MoveSource, failures: PartitionFailures) {
    this.#context = context;
    this.#source = source;
    this.#failures = failures;
  }

  /** Whether jobs are started, or about to be. */
  get isOpen(): boolean {
    return this.#isOpen;
  }
  /** A note is on its way. */
  get isNoting(): boolean {
    return this.#isNoting;
  }

  /** `wasOpen`: the last owner had started jobs and has not let go. */
  begin(wasOpen: boolean): void {
    this.#wasOpen = wasOpen;
  }

  /** The first batch of an owner that follows a dead one is under suspicion. */
  took(records: readonly BufferedRecord[], nextOffset: number): void {
    if (!this.#wasOpen || records.length === 0) return;
    this.#wasOpen = false;
    this.#suspectUntil = records[this.#context.maxBatchJobs]?.offset ?? nextOffset;
  }

  isNoted(offset: number): boolean {
    if (!this.#isOpen) return false;
    return this.isNotedSuspect(offset) || (offset >= this.#suspectUntil && !this.#failures.isSuspect(offset));
  }

  /** It was noted here, so the wait that stands in the note is the next owner's. */
  isNotedSuspect(offset: number): boolean {
    return this.#noted.size > 0 && this.#noted.has(offset);
  }

  /** Work that ends the job in place of a start, where it has killed too often. */
  endOf(record: BufferedRecord): JobEnd | undefined {
    return this.#failures.isSuspect(record.offset) && !this.isNotedSuspect(record.offset)
      ? this.#failures.endOfKiller(record)
      : undefined;
  }

  /** Tells Kafka of jobs that are about to start, and calls `noted` once it knows. */
  note(records: readonly BufferedRecord[], noted: () => void): void {
    const { clock } = this.#context;
    const suspects = records.filter(({ offset }) => offset < this.#suspectUntil || this.#failures.isSuspect(offset));
    for (const record of suspects) this.#failures.suspect(record);
    this.#isOpen = true;
    this.#tell(() => {
      for (const { offset } of suspects) this.#noted.add(offset);
      // Not now: jobs that need no I/O would run on and on within the answer.
      clock.soon(noted);
    });
  }

  /** What ran alone has ended. Until Kafka knows, it would be counted for whatever kills this process next. */
  clear(cleared: () => void): void {
    this.#tell(cleared);
  }

  #tell(told: () => void): void {
    const { committer } = this.#context;
    this.#isNoting = true;
    committer.touch(this.#source, true);
    void committer.flush(this.#source).then(() => {
      this.#isNoting = false;
      told();
    });
  }
}
