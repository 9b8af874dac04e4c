/** One job as a simulation would have it run. It is its own payload. */
export interface Plan {
  /** Unique in a run. */
  readonly n: number;
  readonly key: string;
  /** Virtual milliseconds of a run that gets beyond the steps. */
  readonly takes: number;
  /** How many of its runs fail, at their end. Infinity, as JSON has it: all. */
  readonly fails: number | null;
  /** Whether a rule of its own says when it is tried again. */
  readonly hasRule: boolean;
  readonly isDiscarded: boolean;
  /** Rows of each of its steps. */
  readonly steps: readonly number[];
  /** The number of the job that it hands over to at its end. */
  readonly next: number | undefined;
  /** The number of the job that handed over to it. */
  readonly parent?: number;
}

/** What a recurring job enqueues: its ticks are told apart by their times. */
export const TICK: Plan = {
  ...{ n: -1, key: "tick", takes: 20, fails: 0, hasRule: false, isDiscarded: false, steps: [], next: undefined },
};

/** Virtual milliseconds for each row of a step. */
export const ROW_TIME = 100;

export function rowsOf({ steps }: Plan): number {
  return steps.reduce((sum, rows) => sum + rows, 0);
}

/** What a job's own code says of how it ends. */
export function ends(plan: Plan): "well" | "discarded" | "never" {
  if (plan.fails === null) return "never";
  return plan.isDiscarded ? "discarded" : "well";
}

/** The failure of a job that has a rule for it. */
export class PlannedRetry extends Error {
  override readonly name = "PlannedRetry";
}

/** The failure of one that has none. */
export class PlannedFailure extends Error {
  override readonly name = "PlannedFailure";
}
