import { type ParseArgsConfig, parseArgs } from "node:util";
import { UsageError } from "./usage-error.ts";

/** As Node's own, but what it refuses is for the user to change. */
export function parseOptions<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
}

/** `--rounds`, of which the median counts. */
export function roundsOption(text: string | undefined, isQuick: boolean): number {
  const rounds = Number(text ?? (isQuick ? 1 : 3));
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new UsageError(`--rounds is ${text}: give a whole number from 1 on`);
  return rounds;
}

/** What an option chooses of what is known, with commas between; all of it where it is left out. `tell`: how others are called. */
export function chosenNames(
  option: string,
  text: string | undefined,
  known: readonly string[],
  tell: (unknown: readonly string[]) => string = (unknown) => unknown.join(", "),
): readonly string[] {
  if (text === undefined) return known;
  const wanted = text.split(",").map((name) => name.trim());
  const unknown = wanted.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new UsageError(`${option}: there is no ${tell(unknown)}, but ${known.join(", ")}`);
  return known.filter((name) => wanted.includes(name));
}
