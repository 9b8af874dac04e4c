/** Which days of a month a schedule is for. Bit 0 is the first day of the month, and Sunday. */
export interface CronDays {
  readonly days: number;
  /** `W`: the weekday (Monday to Friday) that is nearest to each of these days, in the same month. */
  readonly nearest: number;
  /** `L`: the last day of the month. */
  readonly lastDay: boolean;
  /** `LW`: the last Monday to Friday of the month. */
  readonly lastWorkday: boolean;
  readonly weekdays: number;
  /** `#` and `L` of weekdays: those that are the month's first, second, … fifth of their kind, and, sixth, its last. */
  readonly nth: readonly number[] | undefined;
  /** What both kinds of fields say counts: neither, one of them, either, or only where they agree. */
  readonly by: "all" | "month" | "week" | "either" | "both";
}

const WEEK = 0b1111111;
const SUNDAY = 0;
const SATURDAY = 6;

/** The days of a month of `length` days that begins with weekday `first` (0: Sunday). Bit 0 is its first day. */
export function daysOf(cron: CronDays, length: number, first: number): number {
  const whole = 0x7fffffff >>> (31 - length);
  switch (cron.by) {
    case "all":
      return whole;
    case "month":
      return byMonth(cron, length, first) & whole;
    case "week":
      return byWeek(cron, length, first) & whole;
    case "either":
      return (byMonth(cron, length, first) | byWeek(cron, length, first)) & whole;
    case "both":
      return byMonth(cron, length, first) & byWeek(cron, length, first) & whole;
  }
}

function byMonth(cron: CronDays, length: number, first: number): number {
  let days = cron.days;
  if (cron.lastDay) days |= 1 << (length - 1);
  if (cron.lastWorkday) days |= 1 << (nearestWorkday(length, length, first) - 1);
  if (cron.nearest === 0) return days;
  for (let day = 1; day <= length; day++) {
    if ((cron.nearest >>> (day - 1)) & 1) days |= 1 << (nearestWorkday(day, length, first) - 1);
  }
  return days;
}

/** Never across the border of the month, even where that is nearer. */
function nearestWorkday(day: number, length: number, first: number): number {
  const weekday = (first + day - 1) % 7;
  if (weekday === SATURDAY) return day === 1 ? 3 : day - 1;
  if (weekday === SUNDAY) return day === length ? day - 2 : day + 1;
  return day;
}

function byWeek(cron: CronDays, length: number, first: number): number {
  let days = eachWeek(cron.weekdays, first);
  if (cron.nth === undefined) return days;
  for (let nth = 0; nth < 5; nth++) days |= eachWeek(cron.nth[nth]!, first) & (WEEK << (7 * nth));
  return days | (eachWeek(cron.nth[5]!, first) & (WEEK << (length - 7)));
}

/** The days of a month that are one of the weekdays. */
function eachWeek(weekdays: number, first: number): number {
  const week = ((weekdays >>> first) | (weekdays << (7 - first))) & WEEK;
  return week | (week << 7) | (week << 14) | (week << 21) | (week << 28);
}
