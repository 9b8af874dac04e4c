import { nearest } from "../jobs/suggestion.ts";
import { UsageError } from "./cli-error.ts";

/** An option that a command knows. */
export interface OptionSpec {
  /** What its value is called in the help. Undefined: it takes none. */
  readonly value?: string | undefined;
  readonly help: string;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** A command's part of the command line. */
export interface Arguments {
  readonly positionals: readonly string[];
  /** By name, without dashes. "" for those that take no value. */
  readonly options: ReadonlyMap<string, string>;
}

/** Reads `--name value`, `--name=value`, `--flag`, `-h` and positionals; after `--` all are positionals. */
export function parseArguments(argv: readonly string[], specs: OptionSpecs): Arguments {
  const positionals: string[] = [];
  const options = new Map<string, string>();
  for (let i = 0; i < argv.length; i++) {
    const text = argv[i]!;
    if (text === "--") {
      positionals.push(...argv.slice(i + 1));
      break;
    }
    // A negative number is a payload, not an option.
    if (!text.startsWith("-") || text === "-" || /^-\d/.test(text)) {
      positionals.push(text);
      continue;
    }
    const equals = text.indexOf("=");
    const given = text === "-h" ? "--help" : equals < 0 ? text : text.slice(0, equals);
    const name = given.slice(2);
    const spec = given.startsWith("--") && Object.hasOwn(specs, name) ? specs[name]! : unknownOption(given, specs);
    if (options.has(name)) throw new UsageError(`--${name} is given twice`);
    const inline = equals < 0 ? undefined : text.slice(equals + 1);
    if (spec.value === undefined) {
      if (inline !== undefined) throw new UsageError(`--${name} takes no value`);
      options.set(name, "");
    } else {
      options.set(name, inline ?? valueAfter(argv, i++, name, spec.value));
    }
  }
  return { positionals, options };
}

function unknownOption(given: string, specs: OptionSpecs): never {
  const known = Object.keys(specs).map((name) => `--${name}`);
  const meant = nearest(given, known);
  const hint = meant === undefined ? `known: ${known.join(", ")}` : `did you mean ${meant}?`;
  throw new UsageError(`unknown option ${given}; ${hint}`);
}

function valueAfter(argv: readonly string[], index: number, name: string, value: string): string {
  const next = argv[index + 1];
  if (next === undefined || (next.startsWith("-") && !/^-\d/.test(next))) {
    throw new UsageError(`--${name} needs a value: --${name} ${value}`);
  }
  return next;
}
