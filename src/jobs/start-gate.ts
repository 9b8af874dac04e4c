import type { Dedupe } from "./dedupe.ts";
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
  readonly #dedupe: Dedupe | undefined;

  constructor(
    context: WorkerContext,
    user: SlotUser,
    failures: PartitionFailures,
    notes: StartNotes,
    dedupe: Dedupe | undefined,
  ) {
    this.#context = context;
    this.#user = user;
    this.#failures = failures;
    this.#notes = notes;
    this.#lease = new LeaseWait(context.lease, () => user.slotFree());
    this.#dedupe = dedupe;
  }

  admit(record: BufferedRecord): Admission {
    const { offset } = record;
    const wait = this.#waitOf(offset);
    if (wait > 0) return { wait };
    if (!this.#lease.isValid) return "later";
    const { turn, slots } = this.#context;
    if (turn.isOver(this.#user)) return "later";
    const duplicate = this.#dedupe?.endOf(record);
    if (duplicate !== undefined) return { end: duplicate };
    if (!this.#notes.isNoted(offset)) {
      const end = this.#notes.endOf(record);
      return end === undefined ? "note" : { end };
    }
    return slots.take(this.#user, this.#failures.runsAlone(offset)) ? "now" : "later";
  }

  /** A job that failed under an earlier owner waits as long as it would have there. */
  #waitOf(offset: number): number {
    return this.#failures.size === 0 || this.#notes.isNotedSuspect(offset) ? 0 : this.#failures.waitOf(offset);
  }
}
