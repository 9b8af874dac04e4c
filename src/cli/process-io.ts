import process from "node:process";
import type { CliIo, StopSignal } from "./io.ts";

const SIGNALS: readonly StopSignal[] = ["SIGINT", "SIGTERM"];

/** The command line's view of the process that it runs in. */
export function processIo(): CliIo {
  for (const stream of [process.stdout, process.stderr]) {
    // Whoever read this has gone, as `head` does. The rest is for nobody.
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    onSignal(listener) {
      const registered = SIGNALS.map((signal) => ({ signal, call: () => listener(signal) }));
      for (const { signal, call } of registered) process.on(signal, call);
      return () => {
        for (const { signal, call } of registered) process.off(signal, call);
      };
    },
    exit: (code) => process.exit(code),
  };
}
