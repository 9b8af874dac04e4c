import { nextTick } from "./next-tick.ts";
import type { RecurringDefinition } from "./recurring-definition.ts";

/** What is due of a recurring job. */
export interface DueTicks {
  /** Those to be dispatched now, in order (ms since 1970). */
  readonly ticks: readonly number[];
  /** All up to there is dealt with, once these are. */
  readonly last: number;
}

/** A tick that is so late (ms) was missed. */
const MISSED = 60_000;
/** Ticks that are dispatched together: where more are due, the others follow. */
const MOST = 100;

/** What is to be done at `now` where all up to `last` is. Nothing is due: `last` is as it was. */
export function dueTicks(
  { schedule, zone, missed }: Pick<RecurringDefinition, "schedule" | "zone" | "missed">,
  last: number,
  now: number,
): DueTicks {
  if (missed === "all") return from(last);
  const late = now - MISSED;
  const first = nextTick(schedule, last, zone);
  if (first === undefined || first > now) return { ticks: [], last };
  if (first > late) return from(last);
  const recent = from(Math.max(last, late));
  if (missed === "skip") return { ticks: recent.ticks, last: Math.max(recent.last, late) };
  // One run stands for all: for those that are late, and for what is due by now.
  return { ticks: [recent.ticks.at(-1) ?? latest()], last: Math.max(recent.last, late) };

  /** The last tick that is not after `late`: looked for further and further back. */
  function latest(): number {
    for (let back = MISSED; ; back *= 2) {
      let tick = nextTick(schedule, Math.max(last, late - back), zone);
      if (tick === undefined || tick > late) continue;
      for (
        let next: number | undefined = tick;
        next !== undefined && next <= late;
        next = nextTick(schedule, tick, zone)
      )
        tick = next;
      return tick;
    }
  }

  function from(start: number): DueTicks {
    const ticks: number[] = [];
    let tick = nextTick(schedule, start, zone);
    for (; tick !== undefined && tick <= now && ticks.length < MOST; tick = nextTick(schedule, tick, zone))
      ticks.push(tick);
    return { ticks, last: ticks.at(-1) ?? start };
  }
}
