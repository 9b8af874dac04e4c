import { LeaseWait } from "./lease-wait.ts";
import type { MoveSource } from "./moves.ts";
import type { PartitionFailures } from "./partition-failures.ts";
import type { PartitionSteps } from "./partition-steps.ts";
import type { SlotUser } from "./queue-share.ts";
import type { BufferedRecord } from "./record-buffer.ts";
import type { JobEnd } from "./sequel.ts";
import type { StartNotes } from "./start-notes.ts";
import { type Hindrance, StartRules } from "./start-rules.ts";
import type { WorkerContext } from "./worker-context.ts";

/**
 * Whether a job may start. "now": a slot was taken for it. "later": whatever keeps it calls `pump` once it is over.
 * "note": Kafka has to be told of it first. `wait`: so many ms must pass. `end`: what ends it in place of a start.
 */
export type Admission = "now" | "later" | "note" | { readonly wait: number } | { readonly end: JobEnd };

/** Judges when the jobs of one partition may start. */
export class StartGate {
  readonly #context: WorkerContext;
  readonly #user: SlotUser;
  readonly #failures: PartitionFailures;
  readonly #notes: StartNotes;
  readonly #steps: PartitionSteps;
  readonly #lease: LeaseWait;
  /** Undefined: the queue's options have none, so that nothing is spent on them. */
  readonly #rules: StartRules | undefined;
  /** What ends a job that is a duplicate. */
  duplicate: ((record: BufferedRecord) => (() => Promise<boolean>) | undefined) | undefined;
  /** What ends a job that may not run, as jobs before it are parked. */
  parked: ((record: BufferedRecord) => JobEnd | undefined) | undefined;

  constructor(
    context: WorkerContext,
    user: SlotUser & MoveSource,
    failures: PartitionFailures,
    notes: StartNotes,
    steps: PartitionSteps,
  ) {
    this.#context = context;
    this.#user = user;
    this.#failures = failures;
    this.#notes = notes;
    this.#steps = steps;
    this.#lease = new LeaseWait(context.lease, () => user.slotFree());
    const rules = new StartRules(context, user, failures);
    this.#rules = rules.isEmpty ? undefined : rules;
  }

  admit(record: BufferedRecord): Admission {
    const { offset } = record;
    // Before it could be parked: nobody would know later that it is one.
    const duplicate = this.duplicate?.(record);
    if (duplicate !== undefined) return this.#mayGoOn() ? this.#hindered({ end: duplicate }) : "later";
    const parked = this.parked?.(record);
    if (parked !== undefined) return this.#lease.isValidAt(this.#now) ? this.#hindered({ end: parked }) : "later";
    const wait = this.#waitOf(offset);
    if (wait > 0) return { wait };
    if (!this.#mayGoOn()) return "later";
    const { slots } = this.#context;
    const hindrance = this.#rules?.judge(record);
    if (hindrance !== undefined) return this.#hindered(hindrance);
    if (!this.#notes.isNoted(offset)) {
      const end = this.#notes.endOf(record);
      if (end !== undefined) return this.#hindered({ end });
      // One that runs alone has all slots before it is noted: what kills the process while it waits is not its doing.
      const mayNote = !this.#failures.isSuspect(offset) || slots.take(this.#user, true);
      return mayNote ? "note" : "later";
    }
    if (!slots.take(this.#user, this.#failures.runsAlone(offset))) return "later";
    this.#rules?.started(offset);
    return "now";
  }

  get #now(): number {
    return this.#context.clock.monotonic();
  }

  /** Whether the partition is surely still owned, and others have had their turn. */
  #mayGoOn(): boolean {
    const now = this.#now;
    return this.#lease.isValidAt(now) && !this.#context.turn.isOver(this.#user, now);
  }

  /** It may have asked for all slots before that came up: others would wait for it. */
  #hindered(hindrance: Hindrance): Hindrance {
    this.#context.slots.forgetAlone(this.#user);
    return hindrance;
  }

  /** Whether the job has waited as long as it has to, and the queue's options let it start. */
  isDue(record: BufferedRecord): boolean {
    return this.#waitOf(record.offset) <= 0 && this.#rules?.judge(record) === undefined;
  }

  /** A wait of the job at `offset` is over: a wall clock that was set back meanwhile must not make it wait again. */
  waited(offset: number): void {
    this.#failures.waited(offset);
    this.#steps.waited(offset);
    this.#rules?.waited(offset);
  }

  /** Whether a job that was parked, and released, may start. Its age is nothing to go by: somebody wants it run. */
  admitParked(offset: number): "now" | "later" | "note" | { readonly wait: number } {
    const { slots } = this.#context;
    if (!this.#notes.isOpen) {
      this.#notes.note([], () => this.#user.slotFree());
      return "note";
    }
    if (!this.#mayGoOn()) return "later";
    const wait = this.#rules?.throttled ?? 0;
    if (wait > 0) return { wait };
    if (!slots.take(this.#user)) return "later";
    this.#rules?.started(offset);
    return "now";
  }

  /** A job that failed, or was interrupted, under an earlier owner waits as long as it would have there. */
  #waitOf(offset: number): number {
    const wait = this.#failures.size === 0 || this.#notes.isNotedSuspect(offset) ? 0 : this.#failures.waitOf(offset);
    return Math.max(wait, this.#steps.waitOf(offset));
  }
}
