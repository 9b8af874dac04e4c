import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Environment } from "./environment.ts";

/** What a round of a point found, by column. */
export type Values = Readonly<Record<string, number>>;

export interface MeasuredPoint {
  readonly x: number;
  readonly label?: string;
  /** By column: what each round found. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
}

export interface MeasureFigures {
  readonly environment: Environment;
  /** Made by `--quick`: it shows that everything runs, and says nothing of how fast. */
  readonly isQuick: boolean;
  readonly rounds: number;
  readonly points: readonly MeasuredPoint[];
}

/** By the measure's name. */
export type Figures = Readonly<Record<string, MeasureFigures>>;

export function readFigures(path: string): Figures {
  if (!existsSync(path)) return {};
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Figures;
  } catch (cause) {
    throw new Error(`${path} is not what an earlier run has written: repair it, or delete it`, { cause });
  }
}

/** Whole or not at all: a run that is broken off leaves what there was. */
export function writeFigures(path: string, figures: Figures): void {
  mkdirSync(dirname(path), { recursive: true });
  // The rounds of a column are on one line: as Biome has it, and so that changes can be read.
  const onOneLine = (list: string): string => `[${(JSON.parse(list) as number[]).join(", ")}]`;
  const text = JSON.stringify(figures, null, 2).replace(/\[[\s\d.,eE+-]+\]/g, onOneLine);
  writeFileSync(`${path}.new`, `${text}\n`);
  renameSync(`${path}.new`, path);
}

/** Four digits: no more of it is the same a second time. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** Undefined without samples. */
export function spread(samples: readonly number[] | undefined): Spread | undefined {
  if (samples === undefined || samples.length === 0) return undefined;
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
  return { median, least: sorted[0]!, most: sorted.at(-1)! };
}
