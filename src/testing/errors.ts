import { JobError } from "../jobs/errors.ts";

/** Jobs went on running without a sign of progress, beyond the patience of the test. */
export class JobsStillRunningError extends JobError {
  override readonly name = "JobsStillRunningError";
  /** What runs, in words. */
  readonly running: readonly string[];

  constructor(running: readonly string[], patience: number) {
    super(
      "JOBS_STILL_RUNNING",
      `still running after ${patience} ms of real time: ${running.join("; ")}. A job that waits for time to pass in ` +
        "the test needs t.advance(…); one that takes longer, testApp(app, { patience })",
    );
    this.running = running;
  }
}

/** Something that was waited for does not happen, however much of the test's time passes. */
export class TestStuckError extends JobError {
  override readonly name = "TestStuckError";
  /** What is missing, in words. */
  readonly missing: readonly string[];

  constructor(problem: string, missing: readonly string[], errors: readonly string[]) {
    const why = errors.length === 0 ? "" : `; the latest errors: ${errors.join(" | ")}`;
    super("TEST_STUCK", `${problem}: ${missing.join("; ")}${why}`);
    this.missing = missing;
  }
}

/** `close()` was called. */
export class TestClosedError extends JobError {
  override readonly name = "TestClosedError";

  constructor() {
    super("TEST_CLOSED", "this test app is closed: call testApp again");
  }
}
