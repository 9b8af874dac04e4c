/** A bug to plant: `find`, which the file has once, becomes `put`. */
export interface Mutation {
  /** What the product does then. */
  readonly bug: string;
  /** The sentences of S8, and others, that do not hold any more. */
  readonly breaks: readonly string[];
  readonly file: string;
  readonly find: string;
  readonly put: string;
  /** The tests that catch it, below `test/`. Default: the simulation, within its first seeds. */
  readonly caughtBy?: string;
}
