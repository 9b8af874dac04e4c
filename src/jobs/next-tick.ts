import type { CronSchedule } from "./cron.ts";
import { daysOf } from "./cron-days.ts";
import { monthLength } from "./month-length.ts";
import type { TimeZone } from "./time-zone.ts";

const SECOND = 1_000;
const DAY = 86_400_000;
const HALF = 30;
/** The most that a clock is set on or back, and more. */
const MARGIN = 2 * DAY;
const FIRST = Date.parse("0001-01-01T00:00:00Z");
const LAST_YEAR = 9999;
/** Local clocks may be a day behind. */
const END = Date.UTC(LAST_YEAR + 1, 0, 1) + DAY;

/**
 * The first tick after an instant (both ms since 1970), or undefined where none is before the year 10000. Ticks are
 * whole seconds.
 *
 * Where the zone's clocks are set on or back, it is as users of Vixie's cron and of croner know it:
 *
 * - Fixed times of day (`30 2 * * *`: no `*` and no step in seconds, minutes and hours) tick once each. What the clock leaves out
 *   ticks at the first instant after that, once for all of it, even if it is the next day by then; what it shows twice
 *   ticks the first time. So a daily job is never lost and never doubled. Only a day that a zone leaves out altogether
 *   (Pacific/Apia, 30 December 2011) has no ticks: nothing happens on it.
 * - Times at intervals (`0 * * * *`: `*` or a step in one of them) tick whenever the clock shows them, so both times in the
 *   hour that comes twice, and not for what is left out: an hourly job runs each hour, which goes on by real time. That
 *   holds for a step without `*` too, so that `0-23/2` is the same as any other way to write it.
 */
export function nextTick(schedule: CronSchedule, after: number, zone: TimeZone): number | undefined {
  let at = Math.floor(Math.max(after, FIRST) / SECOND) * SECOND + SECOND;
  for (;;) {
    if (!(at < END)) return undefined;
    const { start, end, offset, passed } = zone.periodAt(at);
    if (!schedule.repeats && at === start && passed < start + offset && start + offset - passed < DAY) {
      const leftOut = nextLocal(schedule, passed);
      if (leftOut !== undefined && leftOut < start + offset) return start;
    }
    const local = nextLocal(schedule, schedule.repeats ? at + offset : Math.max(at + offset, passed));
    if (local === undefined) return undefined;
    const tick = local - offset;
    if (tick < end) return tick;
    // What lies between is not looked at, so that a yearly schedule need not know all that the clocks did in the meantime.
    // But soon after `at` they may be set back, and show again what they showed before it.
    at = end - at > MARGIN ? Math.max(end, tick - MARGIN) : end;
  }
}

/** The first local time from `from` on, ms as if it were UTC, at which a schedule ticks by calendar and clock alone. */
function nextLocal(cron: CronSchedule, from: number): number | undefined {
  const day = Math.floor(from / DAY);
  const date = new Date(from);
  let year = date.getUTCFullYear();
  let month = date.getUTCMonth();
  const ofMonth = date.getUTCDate();
  let firstOfMonth = day - (ofMonth - 1);
  let days = daysInMonth(cron, year, month, firstOfMonth);
  if ((days >>> (ofMonth - 1)) & 1) {
    const second = nextSecond(cron, (from - day * DAY) / SECOND);
    if (second >= 0) return day * DAY + second * SECOND;
  }
  for (let bit = nextBit(days, ofMonth); ; bit = nextBit(days, 0)) {
    if (bit >= 0) return (firstOfMonth + bit) * DAY + nextSecond(cron, 0) * SECOND;
    firstOfMonth += monthLength(year, month);
    month = month === 11 ? 0 : month + 1;
    if (month === 0 && ++year > LAST_YEAR) return undefined;
    days = daysInMonth(cron, year, month, firstOfMonth);
  }
}

/** The days of a month that a schedule is for; bit 0 is its first, `first` days after 1970 began. */
function daysInMonth(cron: CronSchedule, year: number, month: number, first: number): number {
  if (((cron.months >>> month) & 1) === 0) return 0;
  // 1970 began with a Thursday.
  return daysOf(cron, monthLength(year, month), (((first + 4) % 7) + 7) % 7);
}

/** The first second of a day, from `from` on, at which a schedule ticks; -1 where none is. */
function nextSecond(cron: CronSchedule, from: number): number {
  const hour = Math.floor(from / 3_600);
  const minute = Math.floor(from / 60) % 60;
  if ((cron.hours >>> hour) & 1) {
    if (hasBit(cron.minutesLow, cron.minutesHigh, minute)) {
      const found = nextOf60(cron.secondsLow, cron.secondsHigh, from % 60);
      if (found >= 0) return hour * 3_600 + minute * 60 + found;
    }
    const found = nextOf60(cron.minutesLow, cron.minutesHigh, minute + 1);
    if (found >= 0) return hour * 3_600 + found * 60 + nextOf60(cron.secondsLow, cron.secondsHigh, 0);
  }
  const found = nextBit(cron.hours, hour + 1);
  if (found < 0) return -1;
  const minutes = nextOf60(cron.minutesLow, cron.minutesHigh, 0);
  return found * 3_600 + minutes * 60 + nextOf60(cron.secondsLow, cron.secondsHigh, 0);
}

function hasBit(low: number, high: number, bit: number): boolean {
  return ((bit < HALF ? low >>> bit : high >>> (bit - HALF)) & 1) === 1;
}

function nextOf60(low: number, high: number, from: number): number {
  const found = from < HALF ? nextBit(low, from) : -1;
  if (found >= 0) return found;
  const rest = nextBit(high, Math.max(0, from - HALF));
  return rest < 0 ? -1 : rest + HALF;
}

/** The lowest bit that is set, of those from `from` (at most 31) on; -1 where none is. */
function nextBit(mask: number, from: number): number {
  const rest = mask & (-1 << from);
  return rest === 0 ? -1 : 31 - Math.clz32(rest & -rest);
}
