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
