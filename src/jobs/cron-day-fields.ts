import type { CronDays } from "./cron-days.ts";
import { CRON_FIELDS, itemValues, type Refusal } from "./cron-field.ts";

const [, , , DAY, , WEEKDAY] = CRON_FIELDS;
const LAST = 5;

/** Reads the two fields that say which days, and how they go together. */
export function parseDays(days: string, weekdays: string, refuseDays: Refusal, refuseWeekdays: Refusal): CronDays {
  const both = weekdays.startsWith("+");
  const week = both ? weekdays.slice(1) : weekdays;
  return {
    ...parseDaysOfMonth(days, refuseDays),
    ...parseDaysOfWeek(week, refuseWeekdays),
    by: byOf(days, week, both),
  };
}

function byOf(days: string, weekdays: string, both: boolean): CronDays["by"] {
  if (days === "*") return weekdays === "*" ? "all" : "week";
  if (weekdays === "*") return "month";
  return both ? "both" : "either";
}

function parseDaysOfMonth(text: string, refuse: Refusal): Omit<CronDays, "weekdays" | "nth" | "by"> {
  let [days, nearest] = [0, 0];
  let [lastDay, lastWorkday] = [false, false];
  for (const item of text.toUpperCase().split(",")) {
    const near = /^(\d+)W$/.exec(item);
    if (item === "L") lastDay = true;
    else if (item === "LW") lastWorkday = true;
    else if (near !== null) nearest |= bitsOf(itemValues(near[1]!, DAY, refuse), DAY.least);
    else days |= bitsOf(itemValues(item, DAY, refuse), DAY.least);
  }
  return { days, nearest, lastDay, lastWorkday };
}

function parseDaysOfWeek(text: string, refuse: Refusal): Pick<CronDays, "weekdays" | "nth"> {
  let weekdays = 0;
  let nth: number[] | undefined;
  for (const item of text.toUpperCase().split(",")) {
    const counted = /^(.*?)(?:#(.*)|L)$/.exec(item);
    if (counted === null) {
      weekdays |= bitsOf(itemValues(item, WEEKDAY, refuse), WEEKDAY.least);
      continue;
    }
    const [, of = "", count = "L"] = counted;
    if (of === "" || of === "*") throw refuse(`"${item}" needs a day before it, as MON#2 or, for the last Friday, 5L`);
    if (!/^[1-5L]$/.test(count)) throw refuse(`no month has such a day; # and 1 to 5 or L, as MON#2, is expected`);
    nth ??= [0, 0, 0, 0, 0, 0];
    nth[count === "L" ? LAST : Number(count) - 1]! |= bitsOf(itemValues(of, WEEKDAY, refuse), WEEKDAY.least);
  }
  return { weekdays, nth };
}

function bitsOf(values: readonly number[], least: number): number {
  return values.reduce((bits, value) => bits | (1 << (value - least)), 0);
}
