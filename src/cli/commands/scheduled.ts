import { SchedulerUnavailableError } from "../../jobs/schedule-errors.ts";
import type { ScheduledEntry, WaitingEntry } from "../../jobs/scheduled-jobs.ts";
import { systemClock } from "../../net/clock.ts";
import { actionOf, checkActionOptions, withApp } from "../actions.ts";
import { APP_OPTIONS, CLUSTER_OPTIONS } from "../app-options.ts";
import type { Arguments } from "../arguments.ts";
import { UsageError } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import type { CliIo } from "../io.ts";
import type { LoadedApp } from "../load-app.ts";
import { instantOption, integerOption } from "../option-values.ts";
import { count, jsonLine, note, painter, type Style, table } from "../output.ts";
import { type EntryArguments, entryText, splitEntries } from "../schedule-entries.ts";
import { timeLeft } from "../time-left.ts";

const DEFAULT_LIMIT = 100;
const ACTIONS = ["list", "cancel"] as const;
type Action = (typeof ACTIONS)[number];
const OPTIONS_OF: Readonly<Record<Action, readonly string[]>> = {
  list: ["topic", "from", "to", "limit"],
  cancel: [],
};

export const scheduled: Command = {
  name: "scheduled",
  usage: "list|cancel MODULE… [ENTRY…] [options]",
  summary: "look at what waits for its time, or cancel it",
  details: `list shows what waits in the app's schedule topics, the next to be due first. cancel lets go of the ENTRYs that are
named as list prints them, TOPIC/PARTITION/UUID, and says of each "cancelled" or "too late": it is on its way, or was
cancelled before. A worker decides; where none answers within 10 s the request stays in force, and the exit code is 1.
Exit code 5: some were too late.`,
  options: {
    ...APP_OPTIONS,
    ...CLUSTER_OPTIONS,
    topic: { value: "TOPIC", help: "list: the schedule topic; default all of the app's" },
    from: { value: "WHEN", help: "list: what is due from then on, as 2027-01-31T12:00Z, or as 2h: from now" },
    to: { value: "WHEN", help: "list: what is due before that" },
    limit: { value: "N", help: `list: how many (${DEFAULT_LIMIT})` },
    json: { help: "the result, as a line of JSON" },
  },
  examples: [
    "ottla scheduled list worker.ts --to 1h",
    "ottla scheduled list worker.ts --from 2027-01-01 --limit 1000 --json",
    "ottla scheduled cancel worker.ts scheduled_jobs/3/019b2f6e-5c1d-7a53-8d43-0b9f2f1c6d11",
  ],
  run: runScheduled,
};

interface Selection {
  readonly topic: string | undefined;
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly limit: number;
}

async function runScheduled(args: Arguments, io: CliIo): Promise<number> {
  const { action, rest } = actionOf(args, ACTIONS);
  const placed = splitEntries(rest);
  checkUse(action, args, placed);
  const now = systemClock.now();
  const selection: Selection = {
    topic: args.options.get("topic"),
    from: instantOption(args, "from", now),
    to: instantOption(args, "to", now),
    limit: integerOption(args, "limit", 1, Number.MAX_SAFE_INTEGER) ?? DEFAULT_LIMIT,
  };
  return withApp(placed.modules, args, io, (loaded) =>
    action === "list" ? list(loaded, args, selection, io) : cancel(loaded, args, placed.entries, io),
  );
}

function checkUse(action: Action, args: Arguments, { entries }: EntryArguments): void {
  checkActionOptions("scheduled", action, args, OPTIONS_OF);
  if (action === "list" && entries.length > 0)
    throw new UsageError("list takes no ENTRY: --topic, --from, --to choose");
  if (action === "cancel" && entries.length === 0)
    throw new UsageError("cancel takes the ENTRYs, as TOPIC/PARTITION/UUID: list tells which there are");
}

async function list({ app, state }: LoadedApp, args: Arguments, selection: Selection, io: CliIo): Promise<number> {
  const entries = await app.scheduled.list(selection);
  if (args.options.has("json")) io.stdout.write(jsonLine(entries));
  else if (entries.length > 0) {
    const now = state.slot.use().clock.now();
    const titles = ["DUE AT", "IN", "JOB", "KEY", "TARGET", "ENTRY"];
    const rows = entries.map((entry) => row(entry, now));
    io.stdout.write(table(titles, rows, painter(io, io.stdout)));
  }
  const isAll = entries.length < selection.limit;
  const text = `the next ${entries.length} to be due: --limit shows more`;
  note(io, isAll ? `${entries.length} waiting` : text);
  return EXIT.ok;
}

function row({ dueAt, job, key, target, ...entry }: WaitingEntry, now: number): string[] {
  const to = target === undefined ? "none is named" : `${target.topic}/${target.partition}`;
  return [dueAt.toISOString(), timeLeft(dueAt.getTime() - now), job ?? "", key ?? "", to, entryText(entry)];
}

/** What became of one that was to be cancelled. "unanswered": no worker has said. */
type Outcome = "cancelled" | "tooLate" | "unanswered";
const OUTCOMES: Readonly<Record<Outcome, readonly [Style, string]>> = {
  cancelled: ["green", "cancelled"],
  tooLate: ["yellow", "too late"],
  unanswered: ["red", "no answer"],
};

async function cancel(
  { app, state }: LoadedApp,
  args: Arguments,
  entries: readonly ScheduledEntry[],
  io: CliIo,
): Promise<number> {
  const known = state.settings.scheduledMessagesTopics;
  const stranger = entries.find(({ topic }) => !known.has(topic));
  if (stranger !== undefined)
    throw new UsageError(
      `${stranger.topic} is none of the app's scheduledMessagesTopics (${[...known.keys()].join(", ")})`,
    );
  const isJson = args.options.has("json");
  const paint = painter(io, io.stdout);
  const outcomes = await Promise.all(
    entries.map(async (entry) => {
      const outcome = await cancelOne(() => app.cancel(entry));
      const [style, text] = OUTCOMES[outcome];
      if (!isJson) io.stdout.write(`${paint(style, text.padEnd(9))}  ${entryText(entry)}\n`);
      return outcome;
    }),
  );
  if (isJson) io.stdout.write(jsonLine(entries.map((entry, i) => ({ ...entry, outcome: outcomes[i] }))));
  const unanswered = outcomes.filter((outcome) => outcome === "unanswered").length;
  if (unanswered > 0) {
    note(io, `no worker has answered for ${count(unanswered, "entry", "entries")}: the request stays in force`);
    return EXIT.failed;
  }
  return outcomes.includes("tooLate") ? EXIT.someLeft : EXIT.ok;
}

async function cancelOne(cancel: () => Promise<"cancelled" | "tooLate">): Promise<Outcome> {
  try {
    return await cancel();
  } catch (error) {
    if (error instanceof SchedulerUnavailableError) return "unanswered";
    throw error;
  }
}
