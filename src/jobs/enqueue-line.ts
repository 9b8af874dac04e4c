import type { Clock, Timer } from "../net/clock.ts";

/** One call's place. */
interface Place {
  readonly deadline: number;
  readonly send: () => void;
  readonly reject: (error: unknown) => void;
  state: "preparing" | "ready" | "gone";
}

/**
 * Keeps the order of calls for one producer and queue. Places are prepared at the same time and sent in order; one that
 * fails, or is not ready in time, is rejected and passed over, so that it holds up the others no longer than that.
 */
export class EnqueueLine {
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #late: () => Error;
  /** The first place is the only one that a timer watches: those behind it are younger. */
  #places: Place[] = [];
  #head = 0;
  #timer: Timer | undefined;

  /** `late` makes the error of a place that is `timeout` milliseconds old and has not been sent. */
  constructor(clock: Clock, timeout: number, late: () => Error) {
    this.#clock = clock;
    this.#timeout = timeout;
    this.#late = late;
  }

  /** Nobody waits: who is ready may send at once. */
  get isEmpty(): boolean {
    return this.#head === this.#places.length;
  }

  /** Takes a place. `send` is called once it is prepared and all before it have been sent or passed over; else `reject` is. */
  join(preparing: Promise<void> | undefined, send: () => void, reject: (error: unknown) => void): void {
    const deadline = this.#clock.monotonic() + this.#timeout;
    const place: Place = { deadline, send, reject, state: preparing === undefined ? "ready" : "preparing" };
    this.#places.push(place);
    preparing?.then(
      () => this.#prepared(place),
      (error: unknown) => this.#refuse(place, error),
    );
    this.#advance();
  }

  #prepared(place: Place): void {
    if (place.state === "gone") return;
    place.state = "ready";
    this.#advance();
  }

  #refuse(place: Place, error: unknown): void {
    if (place.state === "gone") return;
    place.state = "gone";
    place.reject(error);
    this.#advance();
  }

  #advance(): void {
    for (; this.#head < this.#places.length; this.#head++) {
      const place = this.#places[this.#head]!;
      if (place.state === "preparing") break;
      if (place.state === "ready") place.send();
      place.state = "gone";
    }
    // Sent places are let go in one piece now and then, so that a line that is never empty does not grow.
    if (this.#head > 1_000 || this.isEmpty) {
      this.#places = this.#places.slice(this.#head);
      this.#head = 0;
    }
    this.#watch();
  }

  #watch(): void {
    const first = this.#places[this.#head];
    if (first === undefined) {
      this.#timer?.cancel();
      this.#timer = undefined;
    } else if (this.#timer === undefined) {
      // Not idle: a process that ends while an enqueue is being prepared would drop it in silence.
      this.#timer = this.#clock.timer(Math.max(1, first.deadline - this.#clock.monotonic()), () => this.#expire());
    }
  }

  #expire(): void {
    this.#timer = undefined;
    const now = this.#clock.monotonic();
    const late = this.#places.slice(this.#head).filter((place) => place.state === "preparing" && place.deadline <= now);
    for (const place of late) {
      place.state = "gone";
      place.reject(this.#late());
    }
    this.#advance();
  }
}
