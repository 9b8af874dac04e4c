import type { ParkedSelection } from "../../jobs/parked-jobs.ts";
import { placeText } from "../../jobs/record-place.ts";
import { actionOf, checkActionOptions, withApp } from "../actions.ts";
import { APP_OPTIONS, CLUSTER_OPTIONS } from "../app-options.ts";
import type { Arguments } from "../arguments.ts";
import { UsageError } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import type { CliIo } from "../io.ts";
import type { LoadedApp } from "../load-app.ts";
import { integerOption } from "../option-values.ts";
import { count, jsonLine, note, oneLine, painter, table } from "../output.ts";
import { type PlacedArguments, splitPlaces } from "../record-places.ts";

const DEFAULT_LIMIT = 100;
const ACTIONS = ["list", "release", "discard"] as const;
type Action = (typeof ACTIONS)[number];
const OPTIONS_OF: Readonly<Record<Action, readonly string[]>> = {
  list: ["limit"],
  release: ["key"],
  discard: ["key"],
};

export const parked: Command = {
  name: "parked",
  usage: "list|release|discard MODULE… [JOB…] [options]",
  summary: "look at jobs that were put aside, have them run, or let go of them",
  details: `With whenExhausted: "park" a job that fails for good is put aside, and every later one of its key with it. list shows
these keys, each by the place of its first job. release has the jobs of a key run, in order, by the worker that has the
partition; discard lets go of them. They are named by JOB, as TOPIC/PARTITION/OFFSET, or by --queue, all of it or one
--key. Without a worker the request waits for the next one.`,
  options: {
    ...APP_OPTIONS,
    ...CLUSTER_OPTIONS,
    queue: { value: "QUEUE", help: "the queue; list: default all" },
    key: { value: "KEY", help: "release, discard: one key of --queue" },
    limit: { value: "N", help: `list: how many keys (${DEFAULT_LIMIT})` },
    json: { help: "the result, as a line of JSON" },
  },
  examples: [
    "ottla parked list worker.ts",
    "ottla parked release worker.ts users/3/1207",
    "ottla parked release worker.ts --queue users --key 7",
    "ottla parked discard worker.ts --queue users",
  ],
  run: runParked,
};

async function runParked(args: Arguments, io: CliIo): Promise<number> {
  const { action, rest } = actionOf(args, ACTIONS);
  const placed = splitPlaces(rest);
  checkUse(action, args, placed);
  return withApp(placed.modules, args, io, (loaded) =>
    action === "list" ? list(loaded, args, io) : ask(loaded, action, args, placed, io),
  );
}

function checkUse(action: Action, args: Arguments, { places }: PlacedArguments): void {
  checkActionOptions("parked", action, args, OPTIONS_OF);
  const { options } = args;
  if (action === "list") {
    if (places.length > 0) throw new UsageError("list takes no JOB: --queue chooses");
    return;
  }
  if (places.length > 0 && options.has("queue")) throw new UsageError("a JOB and --queue are given: say it one way");
  if (options.has("key") && !options.has("queue")) throw new UsageError("--key needs --queue");
  if (places.length === 0 && !options.has("queue"))
    throw new UsageError(`${action} takes a JOB, as TOPIC/PARTITION/OFFSET, or --queue: list tells which there are`);
}

async function list({ app }: LoadedApp, args: Arguments, io: CliIo): Promise<number> {
  const limit = integerOption(args, "limit", 1, Number.MAX_SAFE_INTEGER) ?? DEFAULT_LIMIT;
  const keys = await app.parked.list({ queue: args.options.get("queue"), limit });
  if (args.options.has("json")) io.stdout.write(jsonLine(keys));
  else if (keys.length > 0) {
    const rows = keys.map((key) => [
      placeText(key),
      key.key ?? "",
      `${key.jobs}`,
      key.state,
      key.job ?? "",
      oneLine(key.error ?? "", 80),
    ]);
    io.stdout.write(table(["FIRST JOB", "KEY", "JOBS", "STATE", "NAME", "ERROR"], rows, painter(io, io.stdout)));
  }
  note(
    io,
    keys.length < limit ? count(keys.length, "parked key") : `the first ${keys.length} keys: --limit shows more`,
  );
  return EXIT.ok;
}

async function ask(
  { app }: LoadedApp,
  action: "release" | "discard",
  { options }: Arguments,
  { places }: PlacedArguments,
  io: CliIo,
): Promise<number> {
  const selection: ParkedSelection =
    places.length > 0 ? { places } : { queue: options.get("queue"), key: options.get("key") };
  const keys = await app.parked[action](selection);
  if (options.has("json")) io.stdout.write(jsonLine({ [action]: keys }));
  else
    io.stdout.write(`${action === "release" ? "releasing" : "discarding"} ${count(keys, "key")}: a worker does it\n`);
  return EXIT.ok;
}
