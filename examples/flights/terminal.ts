import { styleText } from "node:util";

export type Colour = "green" | "yellow" | "blue" | "magenta" | "cyan" | "red" | "gray" | "bold";

/** Where the example writes: a person's terminal, or the log of a build. */
export interface Terminal {
  readonly width: number;
  paint(colour: Colour, text: string): string;
  print(line?: string): void;
  /** Shows how far something is, from 0 to 1: in place on a terminal, else as a line now and then. */
  progress(label: string, done: number, text: string): void;
}

interface Output {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

const BAR = 24;
const STEPS = 4;
const CLEAR_LINE = "\r\x1b[K";

export function openTerminal(output: Output, environment: Readonly<Record<string, string | undefined>>): Terminal {
  const isLive = output.isTTY === true && environment.TERM !== "dumb";
  const isColoured = isLive && !environment.NO_COLOR;
  const width = Math.max(40, Math.min(output.columns ?? 80, 160));
  let step = 0;
  let isDrawn = false;
  return {
    width,
    paint: (colour, text) => (isColoured ? styleText(colour, text, { validateStream: false }) : text),
    print(line = "") {
      output.write(`${isDrawn ? CLEAR_LINE : ""}${line}\n`);
      isDrawn = false;
    },
    progress(label, done, text) {
      const line = `${label.padEnd(9)} ${bar(done)} ${text}`;
      if (isLive) {
        output.write(`${CLEAR_LINE}${line.slice(0, width - 1)}${done >= 1 ? "\n" : ""}`);
        isDrawn = done < 1;
        return;
      }
      const reached = Math.floor(done * STEPS);
      if (reached > step) output.write(`${line}\n`);
      step = done >= 1 ? 0 : Math.max(reached, step);
    },
  };
}

function bar(done: number): string {
  const full = Math.round(Math.min(1, done) * BAR);
  return "█".repeat(full) + "░".repeat(BAR - full);
}
