import process from "node:process";

/** A line of a child process. */
export type Line = { readonly what: string } & Readonly<Record<string, unknown>>;

/** Tells the parent process. */
export function say(line: Line): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

export function untilInputEnds(): Promise<void> {
  process.stdin.resume();
  return new Promise((resolve) => void process.stdin.once("end", resolve));
}
