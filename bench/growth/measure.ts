import type { Values } from "./figures.ts";
import type { GrowthBench } from "./growth-bench.ts";

/** One size that something is measured at. */
export interface Point {
  /** Where it is on the axis. Sizes that are no numbers stand beside each other in the order of the points. */
  readonly x: number;
  /** What it is called where `x` is not its name. */
  readonly label?: string;
}

/** One thing that is told of each point. */
export interface Column {
  readonly key: string;
  readonly title: string;
  readonly unit: string;
}

/** A part of the plot, with an axis of its own: columns of one unit. */
export interface Panel {
  readonly title: string;
  readonly keys: readonly string[];
  /** Where values span decades. */
  readonly log?: true;
}

/** How something grows with something else. */
export interface Measure {
  /** What `--only` names, and the plot's file. */
  readonly name: string;
  readonly title: string;
  readonly axis: { readonly title: string; readonly kind: "linear" | "log" | "names" };
  readonly columns: readonly Column[];
  readonly panels: readonly Panel[];
  /** Needs more than the runtime that runs all this: these are looked for on the PATH. */
  readonly runtimes?: true;
  points(bench: Pick<GrowthBench, "isQuick" | "runtimes">): readonly Point[];
  /**
   * Makes what all rounds of a point need, and gives what measures one of them. Topics of the first bench are there until
   * the measure is over, those of the second until the round is.
   */
  prepare(bench: GrowthBench, point: Point): Promise<(bench: GrowthBench) => Promise<Values>>;
}

/** The points of a measure where each size is a number. */
export function sizes(full: readonly number[], quick: readonly number[]): Measure["points"] {
  return ({ isQuick }) => (isQuick ? quick : full).map((x) => ({ x }));
}
