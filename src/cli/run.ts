import { KafkaError } from "../client/errors.ts";
import { InvalidOptionError } from "../jobs/errors.ts";
import { nearest } from "../jobs/suggestion.ts";
import { VERSION } from "../net/version.ts";
import { type Arguments, parseArguments } from "./arguments.ts";
import { CliError, UsageError } from "./cli-error.ts";
import type { Command } from "./command.ts";
import { COMMANDS } from "./commands/commands.ts";
import { EXIT } from "./exit-codes.ts";
import { commandHelp, GLOBAL_OPTIONS, overview } from "./help.ts";
import type { CliIo } from "./io.ts";
import { note, painter } from "./output.ts";

/** Runs the command line `argv`, without the program's name. Resolves to the exit code, and never rejects. */
export async function run(argv: readonly string[], io: CliIo): Promise<number> {
  try {
    return await dispatch(argv, io);
  } catch (error) {
    const paint = painter(io, io.stderr);
    note(io, `${paint("red", "ottla:")} ${explain(error)}`);
    if (error instanceof UsageError) note(io, paint("dim", `Try \`${helpFor(argv)}\`.`));
    return exitCodeOf(error);
  }
}

async function dispatch(argv: readonly string[], io: CliIo): Promise<number> {
  if (argv[0] === "help") return dispatch([...argv.slice(1), "--help"], io);
  const command = COMMANDS.find(({ name }) => name === argv[0]);
  if (command === undefined) return withoutCommand(argv, io);
  const options = { ...command.options, help: { help: "" } };
  const args: Arguments = parseArguments(argv.slice(1), options);
  if (!args.options.has("help")) return command.run(args, io);
  io.stdout.write(commandHelp(command, painter(io, io.stdout)));
  return EXIT.ok;
}

function withoutCommand(argv: readonly string[], io: CliIo): number {
  const [first] = argv;
  if (first !== undefined && !first.startsWith("-")) return unknownCommand(first);
  const { options, positionals } = parseArguments(argv, GLOBAL_OPTIONS);
  if (options.has("version")) {
    io.stdout.write(`${VERSION}\n`);
    return EXIT.ok;
  }
  const [word] = positionals;
  if (word !== undefined && !options.has("help")) return unknownCommand(word);
  const asked = options.has("help");
  const output = asked ? io.stdout : io.stderr;
  output.write(overview(COMMANDS, painter(io, output)));
  return asked ? EXIT.ok : EXIT.usage;
}

function unknownCommand(name: string): never {
  const names = COMMANDS.map((command) => command.name);
  const meant = nearest(name, names);
  const hint = meant === undefined ? `there are ${names.join(", ")}` : `did you mean "${meant}"?`;
  throw new UsageError(`unknown command "${name}"; ${hint}`);
}

function helpFor(argv: readonly string[]): string {
  const command: Command | undefined = COMMANDS.find(({ name }) => name === argv[0]);
  return command === undefined ? "ottla --help" : `ottla ${command.name} --help`;
}

/** Errors that were made for people are told by their message; of others the stack is the only clue. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof CliError || "code" in error) return error.message;
  return error.stack ?? String(error);
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CliError) return error.exitCode;
  if (error instanceof InvalidOptionError) return EXIT.usage;
  if (error instanceof KafkaError && error.code === "INVALID_ARGUMENT") return EXIT.usage;
  return EXIT.failed;
}
