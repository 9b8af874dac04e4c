import { type Duration, parseDuration } from "../jobs/duration.ts";
import type { Arguments } from "./arguments.ts";
import { UsageError } from "./cli-error.ts";

/** A whole number from `least` to `most`; undefined where the option is not given. */
export function integerOption(args: Arguments, name: string, least: number, most: number): number | undefined {
  const text = args.options.get(name);
  if (text === undefined) return undefined;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`--${name} is ${JSON.stringify(text)}: a whole number from ${least} to ${most} is expected`);
}

/** Milliseconds of a duration as "5s", or of a plain number of milliseconds. */
export function durationOption(args: Arguments, name: string): number | undefined {
  const text = args.options.get(name);
  if (text === undefined) return undefined;
  return parseDuration(/^\d+$/.test(text) ? Number(text) : (text as Duration), `--${name}`);
}

/** A day, or one and a time, with a zone or without. */
const ISO = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?)?$/i;

/** An instant, ms since 1970: in ISO 8601, UTC where it names no zone, or a duration from `now` on. */
export function instantOption(args: Arguments, name: string, now: number): number | undefined {
  const text = args.options.get(name);
  if (text === undefined) return undefined;
  const iso = ISO.exec(text);
  const time = iso === null ? Number.NaN : Date.parse(text.length > 10 && iso[1] === undefined ? `${text}Z` : text);
  if (!Number.isNaN(time)) return time;
  if (/^[\d.]+(?:ms|s|m|h|d)$/.test(text)) return now + parseDuration(text, `--${name}`);
  const expected = 'a time as 2027-01-31T12:00Z, or how long from now, as "2h", is expected';
  throw new UsageError(`--${name} is ${JSON.stringify(text)}: ${expected}`);
}

/** Values with commas between. */
export function listOption(args: Arguments, name: string): string[] | undefined {
  const text = args.options.get(name);
  if (text === undefined) return undefined;
  const values = text.split(",").map((value) => value.trim());
  if (values.includes(""))
    throw new UsageError(`--${name} is ${JSON.stringify(text)}: names with commas between are expected`);
  return values;
}

/** One of `choices`; undefined where the option is not given. */
export function choiceOption<T extends string>(args: Arguments, name: string, choices: readonly T[]): T | undefined {
  const text = args.options.get(name);
  if (text === undefined || choices.includes(text as T)) return text as T | undefined;
  throw new UsageError(`--${name} is ${JSON.stringify(text)}: ${choices.join(" or ")} is expected`);
}
