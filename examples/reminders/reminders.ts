import type { ScheduledJob } from "ottla";
import { app } from "./app.ts";
import { type Reminder, type Rung, remind } from "./remind.ts";

/** What is known here of a reminder. */
export interface Known extends Reminder {
  readonly job: ScheduledJob;
  /** When it is to go off, in ms since 1970. */
  due: number;
  isCancelled: boolean;
}

/** The service: reminders that wait for their time, and what has become of them. */
export class Reminders {
  readonly #known = new Map<string, Known>();
  readonly rung: Rung[] = [];

  get all(): Known[] {
    return [...this.#known.values()];
  }

  /** Sets one, `ms` from now. */
  async set(user: string, text: string, ms: number): Promise<Known> {
    const job = await remind.set({ wait: ms }).performLater({ user, text });
    if (job.state !== "scheduled") throw new Error(`"${text}" was not scheduled`);
    const known = { user, text, job, due: job.dueAt.getTime(), isCancelled: false };
    this.#known.set(job.id, known);
    return known;
  }

  /** What waits, as the schedule topic has it: the next one first. */
  async waiting(): Promise<{ readonly dueAt: Date; readonly known: Known }[]> {
    const entries = await app.scheduled.list();
    return entries.map(({ dueAt, id }) => ({ dueAt, known: this.#get(id) }));
  }

  /** Has it go off `ms` from now instead. */
  async move(known: Known, ms: number): Promise<"rescheduled" | "tooLate"> {
    const due = Date.now() + ms;
    const verdict = await app.reschedule(known.job, { waitUntil: due });
    if (verdict === "rescheduled") known.due = due;
    return verdict;
  }

  async cancel(known: Known): Promise<"cancelled" | "tooLate"> {
    const verdict = await app.cancel(known.job);
    if (verdict === "cancelled") known.isCancelled = true;
    return verdict;
  }

  /** A worker says that one has gone off. Gives how late it was, in ms. */
  rang(rung: Rung): number {
    this.rung.push(rung);
    return this.lateness(rung);
  }

  lateness({ id, at }: Rung): number {
    return at - this.#get(id).due;
  }

  #get(id: string | undefined): Known {
    const known = this.#known.get(id ?? "");
    if (known === undefined) throw new Error(`nobody has set ${id}`);
    return known;
  }
}
