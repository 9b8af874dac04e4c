/** What all processes of one run of the example know. */
export interface Run {
  /** Its queue and its group; of this run alone, so that every run begins with an empty queue. */
  readonly name: string;
  readonly brokers: readonly string[];
  readonly partitions: number;
  /** Where the airports' states are kept. */
  readonly states: string;
  /** Where each worker notes what it starts and ends. */
  readonly logs: string;
  /** How long each job pretends to work, in milliseconds. */
  readonly work: number;
  /** After how many milliseconds without a heartbeat a worker counts as dead. */
  readonly sessionTimeout: number;
}
