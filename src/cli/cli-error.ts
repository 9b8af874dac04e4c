import { EXIT } from "./exit-codes.ts";

/** Ends a command. The message is all that its user is told: it says what was wrong, and what to do. */
export class CliError extends Error {
  override readonly name: string = "CliError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.failed, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The command line cannot work as given. */
export class UsageError extends CliError {
  override readonly name = "UsageError";

  constructor(message: string, options?: ErrorOptions) {
    super(message, EXIT.usage, options);
  }
}

/** A module that the command line names cannot be used: another command line would not help. */
export class ModuleError extends CliError {
  override readonly name = "ModuleError";

  constructor(message: string, options?: ErrorOptions) {
    super(message, EXIT.usage, options);
  }
}
