import type { Arguments, OptionSpecs } from "./arguments.ts";
import type { CliIo } from "./io.ts";

/** One of the words after `ottla`. */
export interface Command {
  readonly name: string;
  /** What follows the name, as `MODULE…`. */
  readonly usage: string;
  /** One line. */
  readonly summary: string;
  readonly details: string;
  readonly options: OptionSpecs;
  readonly examples: readonly string[];
  /** Resolves to the exit code. */
  run(args: Arguments, io: CliIo): Promise<number>;
}
