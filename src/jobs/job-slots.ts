import { QueueShare, type SlotUser } from "./queue-share.ts";
import type { StartSettings } from "./start-settings.ts";

/**
 * Caps how many jobs run at once, in all and of each queue. Where several queues wait, each gets free slots by its weight
 * (start-time fair queueing); within a queue those that wait are served in the order in which they asked.
 */
export class JobSlots {
  readonly #size: number;
  readonly #settingsOf: (queue: string) => Pick<StartSettings, "concurrency" | "weight">;
  readonly #shares = new Map<string, QueueShare>();
  #free: number;
  /** Queues of which somebody waits. */
  readonly #waiting = new Set<QueueShare>();
  /** Those that want all slots: while one waits, no other gets any. */
  readonly #waitingAlone = new Set<SlotUser>();
  /** Has all slots: its job runs, or is about to. */
  #alone: SlotUser | undefined;
  /** Where the queue stood whose job was started last. */
  #level = 0;
  /** Slots are being handed out: only who is `offered` one takes it, the others wait for theirs. */
  #isServing = false;
  #offered: SlotUser | undefined;
  /** Somebody found no slot since `askAll` was called last. */
  #isShort = false;

  constructor(size: number, settingsOf: (queue: string) => Pick<StartSettings, "concurrency" | "weight">) {
    this.#size = size;
    this.#free = size;
    this.#settingsOf = settingsOf;
  }

  get free(): number {
    return this.#free;
  }
  get taken(): number {
    return this.#size - this.#free;
  }

  share(queue: string): QueueShare {
    const share = this.#shares.get(queue) ?? new QueueShare(this.#settingsOf(queue));
    this.#shares.set(queue, share);
    return share;
  }

  /**
   * Takes a slot; false: `user` is told when to ask again. `alone`: nothing else is to run beside its job. Who has all
   * slots may ask again.
   */
  take(user: SlotUser, alone = false): boolean {
    if (alone) return this.#takeAll(user);
    const { share } = user;
    const isItsTurn = !this.#isServing || this.#offered === user;
    if (this.#free > 0 && isItsTurn && !share.isFull && this.#waitingAlone.size === 0) {
      this.#offered = undefined;
      this.#free--;
      this.#level = share.start(this.#level);
      return true;
    }
    if (this.#free === 0) this.#isShort = true;
    share.waiting.add(user);
    this.#waiting.add(share);
    return false;
  }

  #takeAll(user: SlotUser): boolean {
    if (this.#alone === user) return true;
    const isFirst = this.#waitingAlone.size === 0 || this.#waitingAlone.values().next().value === user;
    if (this.#free < this.#size || !isFirst) {
      this.#waitingAlone.add(user);
      return false;
    }
    this.#waitingAlone.delete(user);
    this.#free = 0;
    this.#level = user.share.start(this.#level);
    this.#alone = user;
    return true;
  }

  /** A job of the queue has ended. */
  release(share: QueueShare): void {
    this.#free = this.#alone === undefined ? this.#free + 1 : this.#size;
    this.#alone = undefined;
    share.end();
    this.#serve();
  }

  /** Gives all slots back, where it has them: its job has ended, or does not start. */
  giveBack(user: SlotUser): void {
    if (this.#alone === user) this.release(user.share);
  }

  /**
   * Has each of them ask. Where slots are short all ask before any gets one, so that weights decide, and not who was
   * called first.
   */
  askAll(users: Iterable<SlotUser>): void {
    const isShort = this.#isShort && !this.#isServing;
    this.#isShort = false;
    if (isShort) this.#isServing = true;
    try {
      for (const user of users) user.slotFree();
    } finally {
      if (isShort) this.#isServing = false;
    }
    if (!isShort) return;
    this.#serve();
    this.#isShort = this.#free === 0;
  }

  #serve(): void {
    // Whoever serves already sees this slot, too.
    if (this.#isServing) return;
    this.#isServing = true;
    try {
      while (this.#serveNext());
    } finally {
      this.#isServing = false;
    }
  }

  /** Whether there may be more to do. */
  #serveNext(): boolean {
    if (this.#free === 0) return false;
    const [alone] = this.#waitingAlone;
    if (alone !== undefined) {
      if (this.#free === this.#size) alone.slotFree();
      // Whoever cannot take them yet, as without a lease, asks again by itself, and keeps its turn until then.
      return !this.#waitingAlone.has(alone);
    }
    const user = this.#next();
    if (user === undefined) return false;
    this.#leave(user);
    this.#offered = user;
    user.slotFree();
    this.#offered = undefined;
    return true;
  }

  #next(): SlotUser | undefined {
    let next: QueueShare | undefined;
    for (const share of this.#waiting) {
      if (share.isFull) continue;
      if (next === undefined || share.standing(this.#level) < next.standing(this.#level)) next = share;
    }
    return next?.waiting.values().next().value;
  }

  #leave(user: SlotUser): void {
    user.share.waiting.delete(user);
    if (user.share.waiting.size === 0) this.#waiting.delete(user.share);
  }

  /** Wants no longer to be alone, where it did: what it has to do is something else now. */
  forgetAlone(user: SlotUser): void {
    if (this.#waitingAlone.has(user)) this.forget(user);
    this.giveBack(user);
  }

  /** Stops waiting. */
  forget(user: SlotUser): void {
    this.#leave(user);
    if (this.#waitingAlone.delete(user)) this.#serve();
  }
}
