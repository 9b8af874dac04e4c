import type { CliIo, CliOutput } from "./io.ts";

const STYLES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;

export type Style = keyof typeof STYLES;
export type Paint = (style: Style, text: string) => string;

/** Colours, for a terminal whose user has not refused them (NO_COLOR, https://no-color.org). */
export function painter(io: CliIo, output: CliOutput): Paint {
  const { NO_COLOR, TERM } = io.env;
  const isPlain = output.isTTY !== true || (NO_COLOR !== undefined && NO_COLOR !== "") || TERM === "dumb";
  if (isPlain) return (_style, text) => text;
  return (style, text) => `\u001b[${STYLES[style][0]}m${text}\u001b[${STYLES[style][1]}m`;
}

/** Columns under their titles, two spaces between. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[], paint: Paint): string {
  const widths = titles.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd();
  return [paint("dim", line(titles)), ...rows.map(line)].map((text) => `${text}\n`).join("");
}

/** One result as a line of JSON. What is undefined is null, so that the fields are always the same. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value, (_key, field) => (field === undefined ? null : field))}\n`;
}

/** A line about what happens, on standard error. */
export function note(io: CliIo, text: string): void {
  io.stderr.write(`${text}\n`);
}

/** "1 job", "2 jobs". */
export function count(number: number, noun: string, nouns: string = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : nouns}`;
}

/** Text in one line of at most so many characters. */
export function oneLine(text: string, most: number): string {
  const line = text.replace(/\s+/g, " ");
  return line.length <= most ? line : `${line.slice(0, most - 1)}…`;
}
