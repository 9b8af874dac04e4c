import type { OptionSpecs } from "./arguments.ts";
import type { Command } from "./command.ts";
import { EXIT_CODES_HELP } from "./exit-codes.ts";
import type { Paint } from "./output.ts";

export const GLOBAL_OPTIONS: OptionSpecs = {
  help: { help: "this text; after a command, that command's" },
  version: { help: "the version" },
};

export function overview(commands: readonly Command[], paint: Paint): string {
  return [
    "ottla: ordered background jobs on Apache Kafka\n",
    section("Usage", [["ottla COMMAND [options]", ""]], paint),
    section(
      "Commands",
      commands.map(({ name, summary }) => [name, summary]),
      paint,
    ),
    section("Options", optionLines(GLOBAL_OPTIONS), paint),
    section("Exit codes", EXIT_CODES_HELP, paint),
    section(
      "Environment",
      [
        ["KAFKA_BROKERS", "where apps that name no brokers begin, as host:9092,host:9092; default localhost:9092"],
        ["NO_COLOR", "no colours"],
      ],
      paint,
    ),
    "`ottla COMMAND --help` tells more of one.\n",
  ].join("\n");
}

export function commandHelp(command: Command, paint: Paint): string {
  const options = { ...command.options, help: { help: "this text" } };
  return [
    `${command.details.trim()}\n`,
    section("Usage", [[`ottla ${command.name} ${command.usage}`, ""]], paint),
    section("Options", optionLines(options), paint),
    section(
      "Examples",
      command.examples.map((example) => [example, ""]),
      paint,
    ),
  ].join("\n");
}

function optionLines(options: OptionSpecs): [string, string][] {
  return Object.entries(options).map(([name, { value, help }]) => [
    `--${name}${value === undefined ? "" : ` ${value}`}`,
    help,
  ]);
}

function section(title: string, lines: readonly (readonly [string, string])[], paint: Paint): string {
  const width = Math.max(...lines.map(([left]) => left.length));
  const text = lines.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd());
  return `${[paint("bold", title), ...text].join("\n")}\n`;
}
