import { placeText } from "../../jobs/record-place.ts";
import { actionOf, checkActionOptions, withApp } from "../actions.ts";
import { APP_OPTIONS, CLUSTER_OPTIONS } from "../app-options.ts";
import type { Arguments } from "../arguments.ts";
import { UsageError } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import type { CliIo } from "../io.ts";
import type { LoadedApp } from "../load-app.ts";
import { count, jsonLine, note, painter, table } from "../output.ts";
import { type PlacedArguments, splitPlaces } from "../record-places.ts";

const ACTIONS = ["list", "skip"] as const;
type Action = (typeof ACTIONS)[number];
const OPTIONS_OF: Readonly<Record<Action, readonly string[]>> = { list: [], skip: ["dead-letter"] };

export const blocked: Command = {
  name: "blocked",
  usage: "list|skip MODULE… [JOB] [options]",
  summary: "show jobs that hold up their partitions, or skip one while no worker runs",
  details: `list shows the jobs of the app's group that have failed three times or more and are tried in place. skip lets the JOB
go that is named as TOPIC/PARTITION/OFFSET: into the topic --dead-letter, or nowhere. Only a worker that has the job's
partition can skip it while workers run: have it call app.skip. From here it can be skipped once all of the group's
workers have stopped.`,
  options: {
    ...APP_OPTIONS,
    ...CLUSTER_OPTIONS,
    "dead-letter": { value: "TOPIC", help: "skip: the topic to put the job into; default nowhere" },
    json: { help: "the result, as a line of JSON" },
  },
  examples: ["ottla blocked list worker.ts", "ottla blocked skip worker.ts users/3/1207 --dead-letter users-dead"],
  run: runBlocked,
};

async function runBlocked(args: Arguments, io: CliIo): Promise<number> {
  const { action, rest } = actionOf(args, ACTIONS);
  const placed = splitPlaces(rest);
  checkUse(action, args, placed);
  return withApp(placed.modules, args, io, (loaded) =>
    action === "list" ? list(loaded, args, io) : skip(loaded, args, placed, io),
  );
}

function checkUse(action: Action, args: Arguments, { places }: PlacedArguments): void {
  checkActionOptions("blocked", action, args, OPTIONS_OF);
  if (action === "skip" && places.length !== 1)
    throw new UsageError("skip takes one JOB, as TOPIC/PARTITION/OFFSET: list tells which there are");
  if (action === "list" && places.length > 0) throw new UsageError("list takes no JOB: it shows all that are blocked");
}

async function list({ app }: LoadedApp, args: Arguments, io: CliIo): Promise<number> {
  const jobs = await app.blocked();
  if (args.options.has("json")) io.stdout.write(jsonLine(jobs));
  else if (jobs.length > 0) {
    const rows = jobs.map((job) => [placeText(job), `${job.attempt}`, job.nextRetryAt?.toISOString() ?? "now"]);
    io.stdout.write(table(["JOB", "FAILURES", "NEXT TRY AT"], rows, painter(io, io.stdout)));
  }
  note(io, count(jobs.length, "blocked job"));
  return EXIT.ok;
}

async function skip({ app }: LoadedApp, args: Arguments, { places }: PlacedArguments, io: CliIo): Promise<number> {
  const [place] = places;
  const deadLetter = args.options.get("dead-letter");
  await app.skip(place!, { deadLetter });
  const to = deadLetter === undefined ? "nowhere" : `into ${deadLetter}`;
  if (args.options.has("json")) io.stdout.write(jsonLine({ ...place, deadLetter }));
  else io.stdout.write(`skipped ${placeText(place!)}: it went ${to}\n`);
  return EXIT.ok;
}
