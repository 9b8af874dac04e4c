import { describe } from "./check-options.ts";
import { parseDays } from "./cron-day-fields.ts";
import { type CronDays, daysOf } from "./cron-days.ts";
import { CRON_FIELDS, type CronField, itemValues, type Refusal, shown } from "./cron-field.ts";
import { InvalidOptionError } from "./errors.ts";
import { monthLength } from "./month-length.ts";
import { nearest } from "./suggestion.ts";

/**
 * When a cron expression ticks, in local time: bit masks, so that very many fit in memory. Seconds and minutes have two
 * each, for 0 to 29 and from 30 on; bit 0 of `months` is January.
 */
export interface CronSchedule extends CronDays {
  readonly secondsLow: number;
  readonly secondsHigh: number;
  readonly minutesLow: number;
  readonly minutesHigh: number;
  readonly hours: number;
  readonly months: number;
  /** Its times of day are at intervals (one of their fields has `*` or a step) and not fixed: see `nextTick`. */
  readonly repeats: boolean;
}

type Six<T> = readonly [T, T, T, T, T, T];

interface Source {
  readonly text: string;
  readonly field: CronField;
  readonly refuse: Refusal;
}

const NICKNAMES: ReadonlyMap<string, string> = new Map([
  ["@yearly", "0 0 1 1 *"],
  ["@annually", "0 0 1 1 *"],
  ["@monthly", "0 0 1 * *"],
  ["@weekly", "0 0 * * 0"],
  ["@daily", "0 0 * * *"],
  ["@midnight", "0 0 * * *"],
  ["@hourly", "0 * * * *"],
]);
const SHAPE = "5 fields (minute, hour, day of month, month, day of week), or 6 with seconds first, are expected";
const HALF = 30;
const [LEAP_YEAR, COMMON_YEAR] = [2000, 2001];

/**
 * Reads a cron expression: minute, hour, day of month, month and day of week, with the seconds before them where those
 * are not 0; or a nickname: `@hourly`, `@daily` (`@midnight`), `@weekly`, `@monthly`, `@yearly` (`@annually`).
 *
 * - A field is a list of values, of ranges (`1-5`; `FRI-MON` goes around) and of steps (`0-30/5`, `5/10`: from 5 on), or
 *   `*` (`?`), which takes a step, too. Months and days of week have names (`JAN`, `MON`, in any case); 7 is Sunday, as 0.
 * - Days of month have `L`, the last; `15W`, the Monday to Friday that is nearest to the 15th in its month; `LW`.
 * - Days of week have `MON#2`, the second Monday of the month, and `5L` or `FRI#L`, its last Friday.
 * - Where neither kind of day is `*`, either counts; with `+` before the days of week only both (`0 9 13 * +FRI`).
 *
 * `option` names it in the {@link InvalidOptionError} that anything else gets, also what would never tick (30 February).
 */
export function parseCron(text: unknown, option: string): CronSchedule {
  if (typeof text !== "string") {
    throw new InvalidOptionError(option, `${describe(text)} given, a cron expression as "0 3 * * *" is expected`);
  }
  const texts = splitFields(text, option);
  const [seconds, minutes, hours, days, months, weekdays] = CRON_FIELDS.map((field, i): Source => {
    const refuse: Refusal = (problem) =>
      new InvalidOptionError(option, `${field.name} ${shown(texts[i]!)}: ${problem}`);
    return { text: texts[i]!, field, refuse };
  }) as unknown as Six<Source>;
  const [secondsLow, secondsHigh] = maskOf(seconds);
  const [minutesLow, minutesHigh] = maskOf(minutes);
  const schedule: CronSchedule = {
    ...{ secondsLow, secondsHigh, minutesLow, minutesHigh },
    hours: maskOf(hours)[0],
    months: maskOf(months)[0],
    repeats: [seconds, minutes, hours].some((each) => /[*/]/.test(each.text)),
    ...parseDays(days.text, weekdays.text, days.refuse, weekdays.refuse),
  };
  if (!everTicks(schedule)) {
    const why = "none of its months has such a day; L is the last of any month";
    throw new InvalidOptionError(option, `${describe(text)} would never tick: ${why}`);
  }
  return schedule;
}

/** The six fields, with `?` as `*`. */
function splitFields(text: string, option: string): Six<string> {
  const trimmed = text.trim().toLowerCase();
  const known = NICKNAMES.get(trimmed);
  if (known === undefined && trimmed.startsWith("@")) throw new InvalidOptionError(option, nicknameProblem(trimmed));
  const fields = (known ?? text.trim()).replaceAll("?", "*").split(/\s+/);
  if (fields.length === 5) fields.unshift("0");
  if (fields.length === 6) return fields as unknown as Six<string>;
  const count = fields[0] === "" ? 0 : fields.length;
  const hint = count === 7 ? "; years are not supported" : "";
  throw new InvalidOptionError(
    option,
    `${describe(text)} has ${count} field${count === 1 ? "" : "s"}, ${SHAPE}${hint}`,
  );
}

function nicknameProblem(name: string): string {
  if (name === "@reboot") return `"@reboot" has no time: enqueue the job where the process starts`;
  const meant = nearest(name.slice(0, 20), NICKNAMES.keys());
  return `${shown(name)} is no nickname; ${meant === undefined ? `known: ${[...NICKNAMES.keys()].join(", ")}` : `did you mean "${meant}"?`}`;
}

/** The values of a field, in two masks of 30 bits each: every runtime keeps such numbers without an object around them. */
function maskOf({ text, field, refuse }: Source): [number, number] {
  const mask: [number, number] = [0, 0];
  for (const item of text.split(",")) {
    for (const value of itemValues(item, field, refuse)) {
      const bit = value - field.least;
      if (bit < HALF) mask[0] |= 1 << bit;
      else mask[1] |= 1 << (bit - HALF);
    }
  }
  return mask;
}

/** In 400 years each month begins on each day of the week, at each of its lengths. */
function everTicks(schedule: CronSchedule): boolean {
  for (let month = 0; month < 12; month++) {
    if (((schedule.months >>> month) & 1) === 0) continue;
    for (let first = 0; first < 7; first++) {
      if (daysOf(schedule, monthLength(LEAP_YEAR, month), first) !== 0) return true;
      if (daysOf(schedule, monthLength(COMMON_YEAR, month), first) !== 0) return true;
    }
  }
  return false;
}
