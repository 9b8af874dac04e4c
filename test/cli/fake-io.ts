import { fileURLToPath } from "node:url";
import type { CliIo, StopSignal } from "../../src/cli/mod.ts";

/** What a command wrote, and the other end of its signals. */
export interface FakeIo extends CliIo {
  readonly out: () => string;
  readonly err: () => string;
  readonly exits: readonly number[];
  send(signal: StopSignal): void;
}

export const FIXTURES: string = fileURLToPath(new URL("./fixtures/", import.meta.url));

export function fakeIo(options: { readonly env?: Record<string, string>; readonly isTTY?: boolean } = {}): FakeIo {
  const written = { out: "", err: "" };
  const listeners = new Set<(signal: StopSignal) => void>();
  const exits: number[] = [];
  const output = (name: "out" | "err") => ({
    isTTY: options.isTTY,
    write: (text: string) => {
      written[name] += text;
    },
  });
  return {
    stdout: output("out"),
    stderr: output("err"),
    env: { ...options.env },
    cwd: FIXTURES,
    onSignal: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    exit: (code) => exits.push(code),
    out: () => written.out,
    err: () => written.err,
    exits,
    send: (signal) => {
      for (const listener of listeners) listener(signal);
    },
  };
}
