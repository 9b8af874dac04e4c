import type { SlotUser } from "./job-slots.ts";
import { LeaseWait } from "./lease-wait.ts";
import type { PartitionFailures } from "./partition-failures.ts";
import type { BufferedRecord } from "./record-buffer.ts";
import type { StartNotes } from "./start-notes.ts";
import type { WorkerContext } from "./worker-context.ts";

/**
 * Whether a job may start. "now": a slot was taken for it. "later": whatever keeps it calls `pump` once it is over.
 * "note": Kafka has to be told of it first. `wait`: so many ms must pass. `end`: what ends it in place of a start.
 */
export type Admission = "now" | "later" | "note" | { readonly wait: number } | { readonly end: () => Promise<boolean> };

/** Judges when the jobs of one partition may start. */
export class StartGate {
  readonly #context: WorkerContext;
  readonly #user: SlotUser;
  readonly #failures: PartitionFailures;
  readonly #notes: StartNotes;
  readonly #lease: LeaseWait;
  /** What ends a job that is a duplicate. */
  duplicate: ((record: BufferedRecord) => (() => Promise<boolean>) | undefined) | undefined;
  /** What ends a job that may not run, as jobs before it are parked. */
  parked: ((record: BufferedRecord) => (() => Promise<boolean>) | undefined) | undefined;

  constructor(context: WorkerContext, user: SlotUser, failures: PartitionFailures, notes: StartNotes) {
    this.#context = context;
    this.#user = user;
    this.#failures = failures;
    this.#notes = notes;
    this.#lease = new LeaseWait(context.lease, () => user.slotFree());
  }

  admit(record: BufferedRecord): Admission {
    const { offset } = record;
    // Before it could be parked: nobody would know later that it is one.
    const duplicate = this.duplicate?.(record);
    if (duplicate !== undefined) return this.#mayEnd() ? { end: duplicate } : "later";
    const parked = this.parked?.(record);
    if (parked !== undefined) return this.#lease.isValid ? { end: parked } : "later";
    const wait = this.#waitOf(offset);
    if (wait > 0) return { wait };
    if (!this.#lease.isValid) return "later";
    const { turn, slots } = this.#context;
    if (turn.isOver(this.#user)) return "later";
    if (!this.#notes.isNoted(offset)) {
      const end = this.#notes.endOf(record);
      return end === undefined ? "note" : { end };
    }
    return slots.take(this.#user, this.#failures.runsAlone(offset)) ? "now" : "later";
  }

  #mayEnd(): boolean {
    return this.#lease.isValid && !this.#context.turn.isOver(this.#user);
  }

  /** Whether a job that was parked, and released, may start: a slot was taken for it then. */
  admitsParked(): boolean {
    const { turn, slots } = this.#context;
    if (!this.#notes.isOpen) {
      this.#notes.note([], () => this.#user.slotFree());
      return false;
    }
    return this.#lease.isValid && !turn.isOver(this.#user) && slots.take(this.#user);
  }

  /** A job that failed under an earlier owner waits as long as it would have there. */
  #waitOf(offset: number): number {
    return this.#failures.size === 0 || this.#notes.isNotedSuspect(offset) ? 0 : this.#failures.waitOf(offset);
  }
}
