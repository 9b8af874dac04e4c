import { resolve } from "node:path";
import { chosenNames, parseOptions, roundsOption } from "../bench-options.ts";
import type { Measure } from "./measure.ts";
import { ROOT } from "./runtime-command.ts";

export interface GrowthOptions {
  readonly measures: readonly Measure[];
  readonly isQuick: boolean;
  readonly rounds: number;
  /** Leaves out what has figures of this commit. */
  readonly resumes: boolean;
  /** Makes plots and tables of the figures that there are, and measures nothing. */
  readonly onlyRenders: boolean;
  /** The folder of performance.md, and of performance/ with the figures and plots. */
  readonly folder: string;
  /** What the brokers are called in the figures. */
  readonly broker: string | undefined;
}

export function usage(measures: readonly Measure[]): string {
  return `How costs grow with the work. On the brokers that KAFKA_BROKERS names, else on the in-process broker.

node --conditions=ottla-source bench/growth/main.ts [OPTIONS]

  --only NAME,NAME   of ${measures.map(({ name }) => name).join(", ")}
  --rounds N         of which the median counts (default 3)
  --quick            small sizes and one round: shows that everything runs, into .ottla/growth
  --resume           leaves out what has figures of this commit already
  --render           makes tables and plots anew, and measures nothing
  --broker TEXT      what the brokers are called in the figures: they do not tell their version
  --out FOLDER       where performance.md and performance/ are (default docs)
`;
}

/** Undefined: help is wanted. */
export function parseGrowthOptions(args: readonly string[], measures: readonly Measure[]): GrowthOptions | undefined {
  const { values } = parse(args);
  if (values.help) return undefined;
  const isQuick = values.quick ?? false;
  return {
    measures: chosen(values.only, measures),
    isQuick,
    rounds: roundsOption(values.rounds, isQuick),
    resumes: values.resume ?? false,
    onlyRenders: values.render ?? false,
    folder: resolve(ROOT, values.out ?? (isQuick ? ".ottla/growth" : "docs")),
    broker: values.broker,
  };
}

function parse(args: readonly string[]) {
  const [flag, text] = [{ type: "boolean" } as const, { type: "string" } as const];
  return parseOptions({
    args: [...args],
    options: {
      ...{ only: text, rounds: text, broker: text, out: text },
      ...{ quick: flag, resume: flag, render: flag, help: flag },
    },
  });
}

function chosen(only: string | undefined, measures: readonly Measure[]): readonly Measure[] {
  const known = measures.map(({ name }) => name);
  const names = chosenNames("--only", only, known, (unknown) => `measure "${unknown.join('", "')}"`);
  return measures.filter(({ name }) => names.includes(name));
}
