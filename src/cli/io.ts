export type StopSignal = "SIGINT" | "SIGTERM";

export interface CliOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
}

/** What the command line knows of its process: a test gives another one. */
export interface CliIo {
  /** Results. */
  readonly stdout: CliOutput;
  /** Everything that is no result. */
  readonly stderr: CliOutput;
  /** `dev` sets KAFKA_BROKERS in it. */
  readonly env: Record<string, string | undefined>;
  readonly cwd: string;
  /** Calls `listener` at each signal, which then does nothing else. Returns its remover. */
  onSignal(listener: (signal: StopSignal) => void): () => void;
  /** Ends the process at once. */
  exit(code: number): void;
}
