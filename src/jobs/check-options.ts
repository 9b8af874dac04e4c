import { InvalidOptionError } from "./errors.ts";
import { nearest } from "./suggestion.ts";

/** Options as they came in, before anything is known of them. */
export type RawOptions = Readonly<Record<string, unknown>>;

/**
 * The options as an object that has only `known` names. `path` names it in the {@link InvalidOptionError} that anything
 * else gets; "" is the call's own argument. Undefined counts as no options.
 */
export function checkOptions(value: unknown, path: string, known: readonly string[]): RawOptions {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InvalidOptionError(path || "options", `${describe(value)} given, an object is expected`);
  }
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue;
    const meant = nearest(name, known);
    const hint = meant === undefined ? `known: ${known.join(", ")}` : `did you mean "${meant}"?`;
    throw new InvalidOptionError(within(path, name), `no such option; ${hint}`);
  }
  return value as RawOptions;
}

/** The path of an option inside the option `path`. */
export function within(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

/** A value as an error message shows it: short, and never its content where that could be a secret. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  switch (typeof value) {
    case "string":
      return value.length > 60 ? "a long string" : `"${value}"`;
    case "object":
      return "an object";
    case "function":
      return "a function";
    case "bigint":
      return `${value}n`;
    default:
      return String(value);
  }
}

export function optionalText(value: unknown, path: string): string | undefined {
  if (value === undefined || (typeof value === "string" && value !== "")) return value;
  throw new InvalidOptionError(path, `${describe(value)} given, a non-empty string is expected`);
}

export function optionalBoolean(value: unknown, path: string): boolean | undefined {
  if (value === undefined || typeof value === "boolean") return value;
  throw new InvalidOptionError(path, `${describe(value)} given, true or false is expected`);
}

export function optionalFunction(value: unknown, path: string): unknown {
  if (value === undefined || typeof value === "function") return value;
  throw new InvalidOptionError(path, `${describe(value)} given, a function is expected`);
}

/** A whole number from `least` to `most`. */
export function optionalInteger(value: unknown, path: string, least: number, most: number): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new InvalidOptionError(path, `${describe(value)} given, a whole number from ${least} to ${most} is expected`);
}

export function optionalChoice<T extends string>(value: unknown, path: string, choices: readonly T[]): T | undefined {
  if (value === undefined || choices.includes(value as T)) return value as T | undefined;
  throw new InvalidOptionError(
    path,
    `${describe(value)} given, one of ${choices.map((c) => `"${c}"`).join(", ")} is expected`,
  );
}
