import type { DeadLetterContent } from "../../jobs/dead-letter.ts";
import { placeText } from "../../jobs/record-place.ts";
import type { DeadLetterFailure } from "../../jobs/redrive-plan.ts";
import { actionOf, checkActionOptions, withApp } from "../actions.ts";
import { APP_OPTIONS, CLUSTER_OPTIONS } from "../app-options.ts";
import type { Arguments } from "../arguments.ts";
import { CliError, UsageError } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import type { CliIo } from "../io.ts";
import type { LoadedApp } from "../load-app.ts";
import { integerOption } from "../option-values.ts";
import { count, jsonLine, note, oneLine, painter, table } from "../output.ts";
import { progressNotes } from "../progress.ts";
import { type PlacedArguments, splitPlaces } from "../record-places.ts";
import { watchShutdown } from "../shutdown.ts";

const MOST = Number.MAX_SAFE_INTEGER;
const MAX_RATE = 1_000_000;
const ACTIONS = ["list", "show", "redrive", "discard"] as const;
type Action = (typeof ACTIONS)[number];

export const dead: Command = {
  name: "dead",
  usage: "list|show|redrive|discard MODULE… [LETTER…] [options]",
  summary: "look at jobs that failed for good, bring them back or let go of them",
  details: `list shows the dead letters that are left, show all of one. redrive brings letters back into the queues they came from:
all that are left, those of --topic, or the LETTERs that are named, as TOPIC/PARTITION/OFFSET. discard lets go of the
LETTERs that are named. Each letter goes once, in the order of its partition, though several do this at the same time
or it is stopped: what is done stays done. Exit code 5: some letters could not go, and stay.`,
  options: {
    ...APP_OPTIONS,
    ...CLUSTER_OPTIONS,
    topic: { value: "TOPIC", help: "list, redrive: the dead letter topic; default all that the app's queues name" },
    limit: { value: "N", help: "list: how many (100); redrive: how many, the oldest of each partition first (all)" },
    rate: { value: "N", help: "redrive, discard: letters a second (100)" },
    "dry-run": { help: "redrive: only say what would be done" },
    json: { help: "the result, as a line of JSON" },
  },
  examples: [
    "ottla dead list worker.ts",
    "ottla dead show worker.ts reports-dead/0/17",
    "ottla dead redrive worker.ts --dry-run",
    "ottla dead redrive worker.ts reports-dead/0/17 reports-dead/0/19",
    "ottla dead discard worker.ts reports-dead/0/17",
  ],
  run: runDead,
};

async function runDead(args: Arguments, io: CliIo): Promise<number> {
  const { action, rest } = actionOf(args, ACTIONS);
  const placed = splitPlaces(rest);
  checkUse(action, args, placed);
  const numbers = {
    limit: integerOption(args, "limit", 1, MOST),
    rate: integerOption(args, "rate", 1, MAX_RATE),
  };
  const shutdown = watchShutdown(io, (signal) => note(io, `${signal}: stopping`));
  const { signal } = shutdown;
  try {
    const call = { ...numbers, args, io, placed, signal };
    return await withApp(placed.modules, args, io, (loaded) => RUN[action](loaded, call), signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new CliError("stopped: what is done stays done, the same command goes on with the rest", EXIT.failed, {
      cause: error,
    });
  } finally {
    shutdown.remove();
  }
}

interface Call {
  readonly args: Arguments;
  readonly io: CliIo;
  readonly placed: PlacedArguments;
  readonly signal: AbortSignal;
  readonly limit: number | undefined;
  readonly rate: number | undefined;
}

const RUN: Readonly<Record<Action, (loaded: LoadedApp, call: Call) => Promise<number>>> = {
  list,
  show,
  redrive,
  discard,
};

const OPTIONS_OF: Readonly<Record<Action, readonly string[]>> = {
  list: ["topic", "limit"],
  show: [],
  redrive: ["topic", "limit", "rate", "dry-run"],
  discard: ["rate"],
};

function checkUse(action: Action, args: Arguments, { places }: PlacedArguments): void {
  checkActionOptions("dead", action, args, OPTIONS_OF);
  if (action === "list" && places.length > 0)
    throw new UsageError(`list takes no LETTER: \`ottla dead show\` shows ${placeText(places[0]!)}`);
  if (action === "show" && places.length !== 1)
    throw new UsageError("show takes one LETTER, as TOPIC/PARTITION/OFFSET: list tells which there are");
  if (action === "discard" && places.length === 0)
    throw new UsageError(
      "discard takes the LETTERs to let go of, as TOPIC/PARTITION/OFFSET: list tells which there are",
    );
}

async function list({ app }: LoadedApp, { args, io, limit }: Call): Promise<number> {
  const letters = await app.dead.list({ topic: args.options.get("topic"), limit });
  if (args.options.has("json")) io.stdout.write(jsonLine(letters));
  else if (letters.length > 0) {
    const rows = letters.map((letter) => [
      placeText(letter),
      letter.job ?? "",
      letter.key ?? "",
      letter.diedAt.toISOString(),
      `${letter.redrives}`,
      oneLine(letter.error ?? "", 80),
    ]);
    io.stdout.write(table(["LETTER", "JOB", "KEY", "DIED AT", "REDRIVES", "ERROR"], rows, painter(io, io.stdout)));
  }
  const isAll = letters.length < (limit ?? 100);
  note(io, isAll ? count(letters.length, "letter") : `the first ${letters.length} letters: --limit shows more`);
  return EXIT.ok;
}

async function show({ app }: LoadedApp, { args, io, placed }: Call): Promise<number> {
  const letter = await app.dead.show(placed.places[0]!);
  const value = letter.value === null ? null : new TextDecoder().decode(letter.value);
  if (args.options.has("json")) io.stdout.write(jsonLine({ ...letter, value }));
  else io.stdout.write(describeLetter(letter, value, io));
  return EXIT.ok;
}

function describeLetter(letter: DeadLetterContent, value: string | null, io: CliIo): string {
  const paint = painter(io, io.stdout);
  const lines: [string, string][] = [
    ["letter", `${placeText(letter)}${letter.isLeft ? "" : " (redriven or discarded)"}`],
    ["job", letter.job ?? "none is named"],
    ["error", letter.error ?? "none is named"],
    ["key", letter.key ?? "none"],
    ["queue", letter.queue ?? "unknown"],
    ["came from", letter.origin === undefined ? "unknown" : placeText(letter.origin)],
    ["enqueued at", letter.enqueuedAt?.toISOString() ?? "unknown"],
    ["died at", letter.diedAt.toISOString()],
    ["redrives", `${letter.redrives}`],
    ...Object.entries(letter.headers).map(([name, text]): [string, string] => [`header ${name}`, text]),
    ["payload", value ?? "null"],
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, text]) => `${paint("dim", name.padEnd(width))}  ${text}\n`).join("");
}

async function redrive({ app, state }: LoadedApp, { args, io, placed, signal, limit, rate }: Call): Promise<number> {
  const { places } = placed;
  const dryRun = args.options.has("dry-run");
  const onProgress = progressNotes(io, state.slot.use().clock, "redriven");
  const topic = args.options.get("topic");
  const chosen = places.length === 0 ? { topic } : { topic, places };
  const result = await app.dead.redrive({ ...chosen, limit, rate, dryRun, signal, onProgress });
  const { redriven, queues, failures } = result;
  if (args.options.has("json")) {
    io.stdout.write(jsonLine({ dryRun, ...result, failures: failures.map(failureFields) }));
  } else {
    const into = Object.entries(queues).map(([queue, number]) => `${number} into ${queue}`);
    const verb = dryRun ? "would redrive" : "redriven";
    const list = into.length === 0 ? "" : `: ${into.join(", ")}`;
    io.stdout.write(`${verb} ${count(redriven, "letter")}${list}\n`);
  }
  return tellFailures(failures, io);
}

async function discard({ app, state }: LoadedApp, { args, io, placed, signal, rate }: Call): Promise<number> {
  const onProgress = progressNotes(io, state.slot.use().clock, "discarded");
  const { discarded, failures } = await app.dead.discard({ places: placed.places, rate, signal, onProgress });
  if (args.options.has("json")) io.stdout.write(jsonLine({ discarded, failures: failures.map(failureFields) }));
  else io.stdout.write(`discarded ${count(discarded, "letter")}\n`);
  return tellFailures(failures, io);
}

function failureFields({ topic, partition, offset, error }: DeadLetterFailure): Record<string, unknown> {
  const { code } = error as { readonly code?: string };
  return { topic, partition, offset, code, error: error.message };
}

function tellFailures(failures: readonly DeadLetterFailure[], io: CliIo): number {
  if (failures.length === 0) return EXIT.ok;
  const paint = painter(io, io.stderr);
  for (const failure of failures)
    note(io, `${paint("yellow", `${placeText(failure)} stays:`)} ${failure.error.message}`);
  return EXIT.someLeft;
}
