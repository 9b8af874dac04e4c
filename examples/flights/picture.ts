import type { Attempt } from "./attempt.ts";
import type { Colour, Terminal } from "./terminal.ts";

/** Something that happened to a worker: it is drawn above the partitions. */
export interface Mark {
  readonly at: number;
  readonly worker: string;
  readonly text: string;
}

const COLOURS: readonly Colour[] = ["green", "blue", "magenta", "yellow", "cyan"];
const LABEL = "partition 00  ";
const partitionLabel = (partition: number): string => `partition ${String(partition).padStart(2)}`;
const WAITING = "·";

/** A worker's letter in its colour. */
export function paintWorker(terminal: Terminal, worker: string, text: string = worker): string {
  return terminal.paint(COLOURS[(worker.charCodeAt(0) - "A".charCodeAt(0)) % COLOURS.length]!, text);
}

/**
 * Who worked on what, when: a row a partition, a column a moment. A letter is the worker that started most jobs there
 * and then, in lower case where some of them ran again; a dot is a moment in which the partition's jobs waited.
 */
export function picture(
  attempts: readonly Attempt[],
  partitions: number,
  marks: readonly Mark[],
  terminal: Terminal,
  labelOf: (partition: number) => string = partitionLabel,
): string[] {
  const begin = Math.min(...attempts.map(({ start }) => start));
  const end = Math.max(...attempts.map((attempt) => attempt.end ?? attempt.start));
  const columns = terminal.width - LABEL.length - 1;
  const column = (at: number): number =>
    Math.max(0, Math.min(columns - 1, Math.floor(((at - begin) / (end - begin || 1)) * columns)));
  return [
    ...marks.map((mark) => markLine(mark, column(mark.at), columns, terminal)),
    ...Array.from({ length: partitions }, (_, partition) => {
      const own = attempts.filter((attempt) => attempt.partition === partition);
      const label = terminal.paint("gray", labelOf(partition).padEnd(LABEL.length));
      return `${label}${row(own, column, terminal)}`;
    }),
    terminal.paint("gray", axis((end - begin) / 1000, columns)),
  ];
}

function row(attempts: readonly Attempt[], column: (at: number) => number, terminal: Terminal): string {
  const cells: Attempt[][] = [];
  for (const attempt of attempts) {
    const at = column(attempt.start);
    cells[at] ??= [];
    cells[at].push(attempt);
  }
  const letters = Array.from(cells, (cell) => (cell === undefined ? WAITING : letterOf(cell))).join("");
  // A stretch at a time: painting letter by letter would multiply the output by ten.
  return letters.replace(/·+|([a-z])\1*/gi, (stretch) =>
    stretch.startsWith(WAITING)
      ? terminal.paint("gray", stretch)
      : paintWorker(terminal, stretch[0]!.toUpperCase(), stretch),
  );
}

function letterOf(cell: readonly Attempt[]): string {
  const worker = mostFrequent(cell.map((attempt) => attempt.worker));
  const isAgain = cell.some((attempt) => attempt.worker === worker && attempt.previous !== undefined);
  return isAgain ? worker.toLowerCase() : worker;
}

function mostFrequent(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].reduce((most, one) => (one[1] > most[1] ? one : most))[0];
}

/** The arrow stands in the mark's column, the text on the side that has room for it. */
function markLine({ worker, text }: Mark, at: number, columns: number, terminal: Terminal): string {
  const isLeft = at + text.length + 2 > columns;
  const line = isLeft ? `${text} ▼`.padStart(at + 1) : `${" ".repeat(at)}▼ ${text}`;
  return " ".repeat(LABEL.length) + line.replace(/\S.*/, (shown) => paintWorker(terminal, worker, shown));
}

/** Seconds, with a number where there is room for one. */
function axis(seconds: number, columns: number): string {
  const step = [1, 2, 5, 10, 20, 30, 60].find((each) => (each / seconds) * columns >= 8) ?? 300;
  let line = " ".repeat(LABEL.length);
  for (let at = 0; at <= seconds; at += step) {
    const label = `${at} s`;
    const place = Math.floor((at / (seconds || 1)) * columns);
    if (place + label.length <= columns) line = `${line.padEnd(LABEL.length + place)}${label}`;
  }
  return line;
}
