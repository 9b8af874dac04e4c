import { type Backoff, backoffWait } from "./backoff.ts";
import { type ErrorRule, findRule } from "./error-rules.ts";
import { NewerVersionError, UnknownJobError, UnreadableHereError, UnreadableRecordError } from "./errors.ts";
import { Discard, RetryLater } from "./job-controls.ts";

/** How often a job has failed so far. */
export interface FailureCounts {
  /** Failures that count, whatever they were. */
  readonly attempt: number;
  /** How often each retry rule has applied, in the order of their declaration. */
  readonly counters: readonly number[];
}

export const NO_FAILURES: FailureCounts = { attempt: 0, counters: [] };
/** From this many failures on a job that nothing ends is said to block its partition. */
export const BLOCKED_FROM = 3;

/** "rule": one of the job's own asked for it, or the job itself. "deploy": a process of another deploy can run it. "error": nothing of that. */
export type RetryReason = "rule" | "deploy" | "error";

/** What becomes of a job that has failed. */
export type Verdict =
  /** It is tried again in `wait` ms. */
  | { readonly outcome: "retry"; readonly wait: number; readonly counts: FailureCounts; readonly why: RetryReason }
  /** It ends, without success. */
  | { readonly outcome: "discard" }
  /** No rule lets it be tried again: what its queue says of that applies. */
  | { readonly outcome: "exhausted"; readonly counts: FailureCounts };

/** What a verdict depends on, besides the error. */
export interface FailureContext {
  /** Of the job; none where nobody knows which job it is. */
  readonly rules: readonly ErrorRule[];
  readonly before: FailureCounts;
  /** Failures beyond the first that no rule is for, before they are final; infinity: they never are. */
  readonly maxRetries: number;
  readonly backoff: Backoff;
  /** Milliseconds for which this worker has known of the job without knowing what to do with it. */
  readonly unknownFor: number;
  /** How long (ms) that is waited out. */
  readonly unknownGrace: number;
  /** Waits of that kind so far. */
  readonly unknownWaits: number;
  /** From 0 up to, not including, 1. */
  readonly random: number;
}

/** Whether a process that was deployed later may know what to do (S4.7). */
export function isOfAnotherDeploy(error: unknown): boolean {
  return error instanceof UnknownJobError || error instanceof NewerVersionError || error instanceof UnreadableHereError;
}

export function judgeFailure(error: unknown, context: FailureContext): Verdict {
  const { rules, before, backoff, random } = context;
  if (error instanceof Discard) return { outcome: "discard" };
  if (error instanceof RetryLater) return { outcome: "retry", wait: error.wait, counts: before, why: "rule" };
  if (isOfAnotherDeploy(error) && context.unknownFor < context.unknownGrace) {
    return {
      outcome: "retry",
      wait: backoffWait(backoff, context.unknownWaits + 1, random),
      counts: before,
      why: "deploy",
    };
  }
  const attempt = before.attempt + 1;
  if (error instanceof UnreadableRecordError) return { outcome: "exhausted", counts: { ...before, attempt } };
  const rule = findRule(rules, error);
  if (rule !== undefined && rule.retry === undefined) return { outcome: "discard" };
  if (rule?.retry !== undefined) return judgeByRule(rule.retry, before, random);
  const counts = { attempt, counters: before.counters };
  const failures = unruled(counts);
  if (failures > context.maxRetries) return { outcome: "exhausted", counts };
  return { outcome: "retry", wait: backoffWait(backoff, failures, random), counts, why: "error" };
}

function judgeByRule(retry: NonNullable<ErrorRule["retry"]>, before: FailureCounts, random: number): Verdict {
  const counters = [...before.counters];
  while (counters.length <= retry.index) counters.push(0);
  const failures = counters[retry.index]! + 1;
  counters[retry.index] = failures;
  const counts = { attempt: before.attempt + 1, counters };
  if (failures >= retry.attempts) return { outcome: "exhausted", counts };
  return { outcome: "retry", wait: retry.wait(failures, random), counts, why: "rule" };
}

/** Failures that no rule was for: rules have their own counts, and take nothing from the queue's. */
export function unruled({ attempt, counters }: FailureCounts): number {
  return Math.max(1, attempt - counters.reduce((sum, count) => sum + count, 0));
}
