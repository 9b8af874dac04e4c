import { parseCron } from "../../src/jobs/cron.ts";
import { nextTick } from "../../src/jobs/next-tick.ts";
import { timeZone } from "../../src/jobs/time-zone.ts";
import { CRON } from "./shape.ts";

const SCHEDULE = parseCron(CRON, "cron");
const UTC = timeZone("UTC", "timeZone");

/** What is committed of the recurring job of a simulation: each of its ticks is to be there once, in order (S7.6). */
export class TickLog {
  readonly problems: string[] = [];
  /** The next one that is to be dispatched. NaN: none is known yet. */
  #next = Number.NaN;

  /** Whether all is dispatched that was due by `now`. */
  isUpTo(now: number): boolean {
    return this.#next > now;
  }

  /** The state of the job says that all up to `last` is dealt with. */
  sawState(last: number): void {
    if (Number.isNaN(this.#next)) this.#next = nextTick(SCHEDULE, last, UTC)!;
    else if (last >= this.#next) this.problems.push(`S7.6 tick ${this.#text} is left out`);
  }

  sawTick(time: number): void {
    if (time !== this.#next)
      this.problems.push(`S7.6 tick ${new Date(time).toISOString()} where ${this.#text} was due`);
    this.#next = nextTick(SCHEDULE, time, UTC)!;
  }

  get #text(): string {
    return Number.isNaN(this.#next) ? "an unknown one" : new Date(this.#next).toISOString();
  }
}
