import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BrokenRound, RoundRecord } from "./round-record.ts";

export type StateLine = RoundRecord | BrokenRound;

/** What a folder knows of a run: one line of JSON for each round, and which round is being played. */
export class RunState {
  readonly #lines: string;
  readonly #current: string;
  readonly rounds: StateLine[];

  /** Opens a folder, new or of an earlier start. A round that was being played then has been broken off. */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.#lines = join(folder, "rounds.jsonl");
    this.#current = join(folder, "current.json");
    const text = existsSync(this.#lines) ? readFileSync(this.#lines, "utf8") : "";
    this.rounds = readLines(text);
    // A line that was being written when the process died is none.
    const whole = this.rounds.map((line) => `${JSON.stringify(line)}\n`).join("");
    if (whole !== text) writeFileSync(this.#lines, whole);
    const current = existsSync(this.#current) ? readCurrent(readFileSync(this.#current, "utf8")) : undefined;
    if (current !== undefined && !this.rounds.some(({ round }) => round === current.round))
      this.add({ ...current, broken: "killed" });
    else rmSync(this.#current, { force: true });
  }

  /** Of the first round that was ever played here. */
  get seed(): number | undefined {
    return this.rounds[0]?.seed;
  }

  get next(): number {
    return 1 + Math.max(0, ...this.rounds.map(({ round }) => round));
  }

  begin(round: number, seed: number): void {
    writeFileSync(this.#current, JSON.stringify({ round, seed }));
  }

  /** The round is over. */
  add(line: StateLine): void {
    appendFileSync(this.#lines, `${JSON.stringify(line)}\n`);
    this.rounds.push(line);
    rmSync(this.#current, { force: true });
  }
}

/** Those that came to their end. */
export function playedOf(rounds: readonly StateLine[]): RoundRecord[] {
  return rounds.filter((line): line is RoundRecord => !("broken" in line));
}

/** The lines of a state file. Only the last may be torn: any other that cannot be read is an error. */
export function readLines(text: string): StateLine[] {
  const lines = text.split("\n");
  const torn = lines.pop();
  return [...lines.map((line, i) => parse(line, i + 1)), ...(torn === "" ? [] : whole(torn!))];
}

function parse(line: string, number: number): StateLine {
  try {
    return JSON.parse(line) as StateLine;
  } catch (error) {
    throw new SyntaxError(`rounds.jsonl, line ${number}: this is no round; give another --folder`, { cause: error });
  }
}

function whole(line: string): StateLine[] {
  try {
    return [JSON.parse(line) as StateLine];
  } catch {
    return [];
  }
}

function readCurrent(text: string): { readonly round: number; readonly seed: number } | undefined {
  try {
    return JSON.parse(text);
  } catch {
    // It was being written: nothing had begun.
    return undefined;
  }
}
