import type { SlotUser } from "./job-slots.ts";
import type { MoveSource } from "./moves.ts";
import type { PartitionFailures } from "./partition-failures.ts";
import type { BufferedRecord } from "./record-buffer.ts";
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
  /** The last suspect that was noted. */
  #noted = -1;
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
    return this.#noted === offset;
  }

  /** Nothing else is to run beside it: it was running when a process died, and may be why. */
  runsAlone(offset: number): boolean {
    return this.isNoted(offset) ? this.#failures.runsAlone(offset) : this.#failures.isSuspect(offset);
  }

  /** Tells Kafka, and `user` once it knows. Gives work instead that ends the job, where it has killed too often. */
  note(record: BufferedRecord, user: SlotUser): (() => Promise<boolean>) | undefined {
    const { offset } = record;
    const { slots, clock } = this.#context;
    const isSuspect = offset < this.#suspectUntil || this.#failures.isSuspect(offset);
    const end = isSuspect ? this.#failures.suspect(record) : undefined;
    if (end !== undefined) {
      slots.forget(user);
      return end;
    }
    this.#isOpen = true;
    this.#tell(() => {
      if (isSuspect) this.#noted = offset;
      // Not now: jobs that need no I/O would run on and on within the answer.
      clock.soon(() => user.slotFree());
    });
    return undefined;
  }

  /** What ran alone has ended. Until Kafka knows, it would be counted for whatever kills this process next. */
  clear(user: SlotUser): void {
    this.#tell(() => {
      this.#context.slots.forget(user);
      user.slotFree();
    });
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
