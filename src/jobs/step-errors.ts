import { JobError } from "./errors.ts";

/** What can be wrong with the use of a job's steps. */
export type StepProblem =
  | "STEP_TWICE"
  | "STEP_ORDER"
  | "STEP_NESTED"
  | "STEP_UNFINISHED"
  | "STEP_ENDED"
  | "CURSOR_NOT_JSON"
  | "CURSOR_NOT_NUMBER"
  | "PROGRESS_UNREADABLE";

/** A job's steps are not used as they have to be; `code` says how. */
export class StepError extends JobError {
  override readonly name = "StepError";
  /** Empty where none is concerned. */
  readonly step: string;

  constructor(code: StepProblem, job: string, step: string, problem: string, cause?: unknown) {
    super(code, `job "${job}"${step === "" ? "" : `, step "${step}"`}: ${problem}`, cause);
    this.step = step;
  }
}

/** The names of a job's finished steps and its cursor are too large to be kept. The job is where it was before. */
export class ProgressTooLargeError extends JobError {
  override readonly name = "ProgressTooLargeError";

  constructor(job: string, step: string, bytes: number, most: number) {
    super(
      "PROGRESS_TOO_LARGE",
      `job "${job}", step "${step}": its progress would be ${bytes} bytes, at most ${most} are kept: let the cursor say where the job is, and keep the data elsewhere`,
    );
  }
}

/** A job was to be resumed more often than its `maxResumptions`. `cause`: what it ended with. */
export class TooManyResumptionsError extends JobError {
  override readonly name = "TooManyResumptionsError";

  constructor(job: string, most: number, cause: unknown) {
    super("TOO_MANY_RESUMPTIONS", `job "${job}" has been resumed ${most} times, its maxResumptions`, cause);
  }
}
