import { checkOptions, describe, optionalChoice } from "./check-options.ts";
import { type CronSchedule, parseCron } from "./cron.ts";
import { isTimed } from "./due-time.ts";
import { InvalidOptionError } from "./errors.ts";
import { type PreparedCall, preparedCall } from "./job.ts";
import type { PreparedJob } from "./prepared-job.ts";
import { type TimeZone, timeZone } from "./time-zone.ts";

/**
 * What becomes of ticks that nobody was there for: `"skip"`, nothing; `"once"`, one run for all of them together;
 * `"all"`, one run each, in order. A tick that is no more than a minute late is not missed: it is dispatched.
 */
export type MissedPolicy = "skip" | "once" | "all";

/** A job that is enqueued again and again. */
export interface RecurringOptions {
  /** What it is known by, in every process of the app: 1 to 64 letters (a-z, A-Z), digits, ".", "_" and "-". */
  readonly name: string;
  /** When: minute, hour, day of month, month, day of week; with the second before them; or `@daily` and such. */
  readonly cron: string;
  /** Whose clocks the expression means, as `"Europe/Berlin"`. Default `"UTC"`. */
  readonly timeZone?: string | undefined;
  /** What is enqueued at each tick. */
  readonly job: PreparedJob;
  /** Default `"once"`. */
  readonly missed?: MissedPolicy | undefined;
}

/** The options, checked. */
export interface RecurringDefinition {
  readonly name: string;
  /** As it was written. */
  readonly cron: string;
  readonly schedule: CronSchedule;
  readonly zone: TimeZone;
  readonly job: PreparedJob;
  readonly call: PreparedCall;
  readonly queue: string;
  readonly missed: MissedPolicy;
}

const OPTIONS = ["name", "cron", "timeZone", "job", "missed"] as const;
/** A part of the keys under which its state is kept. */
const NAME = /^[a-zA-Z0-9._-]{1,64}$/;
const POLICIES = ["skip", "once", "all"] as const;

/** Throws an {@link InvalidOptionError} that names the option. */
export function checkRecurring(value: unknown): RecurringDefinition {
  const options = checkOptions(value, "recurring", OPTIONS);
  const name = checkRecurringName(options.name, "recurring.name");
  const path = `recurring "${name}"`;
  const schedule = parseCron(options.cron, `${path}.cron`);
  const zone = timeZone(options.timeZone ?? "UTC", `${path}.timeZone`);
  const call = preparedCall(options.job as PreparedJob, `${path}.job`);
  if (isTimed(call.settings))
    throw new InvalidOptionError(`${path}.job`, "it has a wait of its own: the ticks say when it is enqueued");
  return {
    ...{ name, schedule, zone, call, cron: options.cron as string, job: options.job as PreparedJob },
    queue: call.settings.queue ?? call.definition.queue,
    missed: optionalChoice(options.missed, `${path}.missed`, POLICIES) ?? "once",
  };
}

export function checkRecurringName(value: unknown, option: string): string {
  if (typeof value === "string" && NAME.test(value)) return value;
  const expected = '1 to 64 letters (a-z, A-Z), digits, ".", "_" and "-" are expected';
  throw new InvalidOptionError(option, `${describe(value)} given, ${expected}`);
}
