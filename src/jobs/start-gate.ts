import { LeaseWait } from "./lease-wait.ts";
import type { MoveSource } from "./moves.ts";
import type { PartitionFailures } from "./partition-failures.ts";
import type { SlotUser } from "./queue-share.ts";
import type { BufferedRecord } from "./record-buffer.ts";
import type { StartNotes } from "./start-notes.ts";
import { StartRules } from "./start-rules.ts";
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
  /** Undefined: the queue's options have none, so that nothing is spent on them. */
  readonly #rules: StartRules | undefined;

  constructor(context: WorkerContext, user: SlotUser & MoveSource, failures: PartitionFailures, notes: StartNotes) {
    this.#context = context;
    this.#user = user;
    this.#failures = failures;
    this.#notes = notes;
    this.#lease = new LeaseWait(context.lease, () => user.slotFree());
    const rules = new StartRules(context, user, failures);
    this.#rules = rules.isEmpty ? undefined : rules;
  }

  admit(record: BufferedRecord): Admission {
    const { offset } = record;
    const wait = this.#waitOf(offset);
    if (wait > 0) return { wait };
    if (!this.#lease.isValid) return "later";
    const { turn, slots } = this.#context;
    if (turn.isOver(this.#user)) return "later";
    const hindrance = this.#rules?.judge(record);
    if (hindrance !== undefined) {
      // It may have asked for all slots before its time was up: others would wait for it.
      slots.forgetAlone(this.#user);
      return hindrance;
    }
    if (!this.#notes.isNoted(offset)) {
      const end = this.#notes.endOf(record);
      return end === undefined ? "note" : { end };
    }
    if (!slots.take(this.#user, this.#failures.runsAlone(offset))) return "later";
    this.#rules?.started(offset);
    return "now";
  }

  /** Whether the queue's options let the job start. */
  isDue(record: BufferedRecord): boolean {
    return this.#rules?.judge(record) === undefined;
  }

  /** A wait of the job at `offset` is over: a wall clock that was set back meanwhile must not make it wait again. */
  waited(offset: number): void {
    this.#failures.waited(offset);
    this.#rules?.waited(offset);
  }

  /** A job that failed under an earlier owner waits as long as it would have there. */
  #waitOf(offset: number): number {
    return this.#failures.size === 0 || this.#notes.isNotedSuspect(offset) ? 0 : this.#failures.waitOf(offset);
  }
}
