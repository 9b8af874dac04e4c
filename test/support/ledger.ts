interface At {
  readonly topic: string;
  readonly partition: number;
}

interface Timed {
  /** When it was noted, in milliseconds. */
  readonly at: number;
}

/** What happened, as it is told. `by` names one incarnation of one worker. */
export type LedgerNote = Untimed<LedgerEntry>;
type Untimed<E> = E extends Timed ? Omit<E, "at"> : never;

/** What happened, and when. */
export type LedgerEntry =
  | Enqueued
  | Owned
  | Started
  | Ended
  | Uncommitted
  | Committed
  | Stored
  | Buried
  | Moved
  | Row
  | Fate;
interface Enqueued extends At, Timed {
  readonly what: "enqueued";
  readonly offset: number;
  readonly id: string;
  readonly key?: string;
}
export interface Owned extends At, Timed {
  readonly what: "assigned" | "revoked" | "lost";
  readonly by: string;
}
interface Started extends At, Timed {
  readonly what: "start";
  readonly by: string;
  readonly offset: number;
  readonly key: string;
  readonly attempt: number;
  /** It was parked, and is not run at its place in the queue. */
  readonly isReleased?: boolean;
}
interface Ended extends At, Timed {
  readonly what: "end";
  readonly by: string;
  readonly offset: number;
  readonly ok: boolean;
  readonly isReleased?: boolean;
}
/** The worker has said that what had ended of a partition was not committed when it let go of it. */
interface Uncommitted extends At, Timed {
  readonly what: "uncommitted";
  readonly by: string;
}
interface Committed extends At, Timed {
  readonly what: "commit";
  readonly by: string;
  readonly offset: number;
}
/** The group's offset, as the broker stored it: who had it committed is not known. */
interface Stored extends At, Timed {
  readonly what: "stored";
  readonly offset: number;
  /** What else it has as finished. */
  readonly finished?: readonly number[];
}
/** The job has failed for good: its dead letter was written, and is committed. */
interface Buried extends At, Timed {
  readonly what: "dead";
  readonly offset: number;
}
/** The job has gone elsewhere, and is finished where it was: this is committed. */
interface Moved extends At, Timed {
  readonly what: "moved";
  readonly offset: number;
  readonly isParked?: boolean;
}
/** A job with steps has worked on a row. */
interface Row extends At, Timed {
  readonly what: "row";
  readonly by: string;
  readonly offset: number;
  readonly row: number;
}
/** `away`: it is frozen or cut off for a while, and may be expelled without learning of it. */
interface Fate extends Timed {
  readonly what: "away" | "closing" | "died";
  readonly by: string;
}

/** Records what every worker of a run did. A dead worker writes nothing: what a crash left running is of no account. */
export class Ledger {
  readonly entries: LedgerEntry[] = [];
  readonly #dead = new Set<string>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(entry: LedgerNote): void {
    if ("by" in entry && this.#dead.has(entry.by)) return;
    this.entries.push({ ...entry, at: this.#now() });
    if (entry.what === "died") this.#dead.add(entry.by);
  }
}
