/** What all processes of one run of the example know. */
export interface Run {
  /** Its queue and its group; of this run alone. */
  readonly name: string;
  readonly brokers: readonly string[];
  readonly partitions: number;
  /** Where each worker notes what it does. */
  readonly logs: string;
  /** How long a row takes, in milliseconds. */
  readonly work: number;
  /** While this file is there no row is processed: few rows would be done before a slow machine has replaced a worker. */
  readonly hold: string;
  /** How often it is saved how far imports have got, in milliseconds. */
  readonly checkpointInterval: number;
  /** After how many milliseconds without a heartbeat a worker counts as dead. */
  readonly sessionTimeout: number;
}

/** One file of a user: an airline's strikes, from one row up to another. */
export interface Import {
  readonly id: string;
  readonly user: string;
  readonly from: number;
  readonly to: number;
}

/** What a worker notes. */
export type ImportEvent = {
  readonly worker: string;
  /** Milliseconds since 1970, with fractions. */
  readonly at: number;
  /** The import's id; empty where it is about none. */
  readonly id: string;
} & (
  | { readonly event: "validated" }
  /** The step that processes rows begins, or goes on, at a row. */
  | { readonly event: "begun"; readonly cursor: number }
  | { readonly event: "row"; readonly row: number }
  | { readonly event: "finished"; readonly cost: number }
  /** The worker was taken for dead, as when its machine is too busy: others go on with what it had. */
  | { readonly event: "lost" }
);
