/** What the command's exit codes mean. Scripts rely on them: `ottla --help` lists them. */
export const EXIT: Readonly<
  Record<"ok" | "failed" | "usage" | "topicsDiffer" | "unfinishedJobs" | "someLeft", number>
> = {
  ok: 0,
  /** Kafka, the app or the system refused. */
  failed: 1,
  /** The command line, or a module that it names, cannot work as given. */
  usage: 2,
  topicsDiffer: 3,
  unfinishedJobs: 4,
  /** Not all that was asked for could be done. */
  someLeft: 5,
};

/** As shells say that a signal ended a process: 130 for SIGINT, 143 for SIGTERM. */
export function exitCodeOfSignal(signal: "SIGINT" | "SIGTERM"): number {
  return 128 + (signal === "SIGINT" ? 2 : 15);
}

export const EXIT_CODES_HELP: readonly (readonly [string, string])[] = [
  ["0", "done; a worker: asked to stop, and all its running jobs have ended"],
  ["1", "failed: no broker, a job that was refused, a worker that could not go on"],
  ["2", "wrong usage, or a module that cannot be loaded or holds no app or no jobs"],
  ["3", "topics: they differ from what the app declares"],
  ["4", "worker, dev: jobs were still running at the shutdown timeout, and will run again"],
  ["5", "dead: some letters could not be redriven or discarded, and stay; scheduled: some were too late to cancel"],
  ["130, 143", "a second SIGINT or SIGTERM ended it at once"],
];
