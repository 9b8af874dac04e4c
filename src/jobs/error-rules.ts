import { checkOptions, describe, within } from "./check-options.ts";
import { MAX_COUNTER, MAX_COUNTERS } from "./commit-metadata.ts";
import { DEFAULTS } from "./defaults.ts";
import { type Duration, parseDuration } from "./duration.ts";
import { InvalidOptionError } from "./errors.ts";

/** Which errors a rule is for: a class, or what `code` and `name` have to be. An error's `cause` is looked at, too. */
export type ErrorMatcher =
  | (abstract new (
      ...args: never
    ) => Error)
  | { readonly code?: string | undefined; readonly name?: string | undefined };

/** Tries a job again when it fails with certain errors. Each rule counts for itself. */
export interface RetryRule {
  readonly errors: readonly ErrorMatcher[];
  /**
   * How long to wait: a duration, `"polynomiallyLonger"` (n⁴ + 2 seconds after the n-th failure), or a function of n.
   * Default 3 s.
   */
  readonly wait?: Duration | "polynomiallyLonger" | ((failures: number) => Duration) | undefined;
  /** Runs in all, the first one included, before the rule is exhausted; or `"unlimited"`. Default 5. */
  readonly attempts?: number | "unlimited" | undefined;
  /** The share by which chance makes a wait longer, from 0 to 1; not for functions. Default 0.15. */
  readonly jitter?: number | undefined;
}

/** Ends a job without success when it fails with certain errors. */
export interface DiscardRule {
  readonly errors: readonly ErrorMatcher[];
}

type Matches = (error: unknown) => boolean;

/** A rule, checked. */
export interface ErrorRule {
  readonly matches: Matches;
  /** Undefined: it discards. */
  readonly retry:
    | {
        /** Where its count is. */
        readonly index: number;
        readonly attempts: number;
        /** Milliseconds after the `failures`-th failure of the rule (from 1). `random` is from 0 up to, not including, 1. */
        readonly wait: (failures: number, random: number) => number;
      }
    | undefined;
}

/** A chain of causes is followed this far: it may be a circle. */
const MAX_CAUSES = 16;
const RETRY_OPTIONS = ["errors", "wait", "attempts", "jitter"] as const;

/**
 * The rule for an error, or undefined: the last one declared that matches it, or else its cause. Those that discard
 * count as declared after those that retry.
 */
export function findRule(rules: readonly ErrorRule[], error: unknown): ErrorRule | undefined {
  let each = error;
  for (let depth = 0; depth < MAX_CAUSES && each !== undefined && each !== null; depth++) {
    const rule = rules.findLast(({ matches }) => matches(each));
    if (rule !== undefined) return rule;
    each = (each as { readonly cause?: unknown }).cause;
  }
  return undefined;
}

/** The rules of a job, in the order of their declaration. `path` is the job's. */
export function resolveErrorRules(retryOn: unknown, discardOn: unknown, path: string): readonly ErrorRule[] {
  const retries = list(retryOn, within(path, "retryOn"));
  if (retries.length > MAX_COUNTERS) {
    throw new InvalidOptionError(
      within(path, "retryOn"),
      `${retries.length} rules given, at most ${MAX_COUNTERS} are kept count of: join some`,
    );
  }
  return [
    ...retries.map((rule, index) => retryRule(rule, index, `${path}.retryOn[${index}]`)),
    ...list(discardOn, within(path, "discardOn")).map((rule, i) => discardRule(rule, `${path}.discardOn[${i}]`)),
  ];
}

function list(value: unknown, path: string): readonly unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  throw new InvalidOptionError(path, `${describe(value)} given, a list of rules is expected`);
}

function retryRule(value: unknown, index: number, path: string): ErrorRule {
  const { errors, wait, attempts, jitter } = checkOptions(value, path, RETRY_OPTIONS);
  return {
    matches: checkMatchers(errors, within(path, "errors")),
    retry: {
      index,
      attempts: checkAttempts(attempts, within(path, "attempts")),
      wait: checkWait(wait, checkJitter(jitter, within(path, "jitter")), within(path, "wait")),
    },
  };
}

function discardRule(value: unknown, path: string): ErrorRule {
  const { errors } = checkOptions(value, path, ["errors"]);
  return { matches: checkMatchers(errors, within(path, "errors")), retry: undefined };
}

function checkMatchers(value: unknown, path: string): Matches {
  if (!Array.isArray(value) || value.length === 0) {
    throw new InvalidOptionError(
      path,
      `${describe(value)} given, a list of error classes or { code, name } is expected`,
    );
  }
  const matchers = value.map((each, i) => checkMatcher(each, `${path}[${i}]`));
  return (error) => matchers.some((matches) => matches(error));
}

function checkMatcher(value: unknown, path: string): Matches {
  if (typeof value === "function") return (error) => error instanceof value;
  const { code, name } = checkOptions(value, path, ["code", "name"]);
  for (const [part, text] of Object.entries({ code, name })) {
    if (text === undefined || typeof text === "string") continue;
    throw new InvalidOptionError(within(path, part), `${describe(text)} given, text is expected`);
  }
  if (code === undefined && name === undefined) {
    throw new InvalidOptionError(path, "it would match nothing: an error class, or a code or a name is expected");
  }
  return (error) => {
    if (typeof error !== "object" || error === null) return false;
    const seen = error as { readonly code?: unknown; readonly name?: unknown };
    return (code === undefined || seen.code === code) && (name === undefined || seen.name === name);
  };
}

function checkAttempts(value: unknown, path: string): number {
  if (value === undefined) return DEFAULTS.retryRule.attempts;
  if (value === "unlimited") return Number.POSITIVE_INFINITY;
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= MAX_COUNTER) return value;
  throw new InvalidOptionError(
    path,
    `${describe(value)} given, a whole number from 1 to ${MAX_COUNTER} or "unlimited" is expected`,
  );
}

function checkJitter(value: unknown, path: string): number {
  if (value === undefined) return DEFAULTS.retryRule.jitter;
  if (typeof value === "number" && value >= 0 && value <= 1) return value;
  throw new InvalidOptionError(path, `${describe(value)} given, a number from 0 to 1 is expected`);
}

function checkWait(value: unknown, jitter: number, path: string): NonNullable<ErrorRule["retry"]>["wait"] {
  if (typeof value === "function") return (failures) => parseDuration(value(failures), path);
  if (value === "polynomiallyLonger") {
    return (failures, random) => failures ** 4 * (1 + jitter * random) * 1_000 + 2_000;
  }
  const wait = parseDuration(value ?? DEFAULTS.retryRule.wait, path);
  return (_failures, random) => wait * (1 + jitter * random);
}
