import { type Clock, systemClock } from "../net/clock.ts";
import { exitCodeOfSignal } from "./exit-codes.ts";
import type { CliIo, StopSignal } from "./io.ts";
import { note } from "./output.ts";

/**
 * Ctrl-C reaches a terminal's whole process group, and `npm run` and its like hand it on to their child as well: one
 * press comes twice, this close together (ms).
 */
const ECHO = 300;

/** Whether the command has been asked to stop. */
export interface Shutdown {
  readonly signal: AbortSignal;
  /** Leaves signals to the runtime again. */
  remove(): void;
}

/** Takes over SIGINT and SIGTERM: the first asks to stop, a second one ends the process with its exit code. */
export function watchShutdown(
  io: CliIo,
  stopping: (signal: StopSignal) => void = () => {},
  clock: Clock = systemClock,
): Shutdown {
  const controller = new AbortController();
  let askedAt = 0;
  const remove = io.onSignal((signal) => {
    const now = clock.monotonic();
    if (!controller.signal.aborted) {
      askedAt = now;
      stopping(signal);
      controller.abort();
    } else if (signal !== "SIGINT" || now - askedAt > ECHO) {
      note(io, `${signal} again: ended at once`);
      io.exit(exitCodeOfSignal(signal));
    }
  });
  return { signal: controller.signal, remove };
}

/** Resolves when it has been asked for. */
export function shutdownAsked({ signal }: Shutdown): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
