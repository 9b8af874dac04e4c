import type { AppState } from "./app-state.ts";
import { TransactionEndedError } from "./calling-errors.ts";
import type { JobDefinition } from "./job-options.ts";
import { JobRun, type RunHost } from "./job-run.ts";
import { readPayload } from "./perform.ts";
import type { ReceivedJob } from "./received-job.ts";
import { StepError } from "./step-errors.ts";

/** Of a job that has ended. */
const HOST: RunHost = {
  signal: new AbortController().signal,
  transaction: () => Promise.reject(new TransactionEndedError()),
  step: (name) => Promise.reject(new StepError("STEP_ENDED", "", String(name), "the job has ended")),
  resumptions: 0,
  tick: undefined,
};

/** Calls the job's `afterDiscard`, where it has one. What that throws goes to the `error` event: the job has ended all the same. */
export async function afterDiscard(
  app: AppState,
  definition: JobDefinition | undefined,
  job: ReceivedJob,
  attempt: number,
  error: unknown,
): Promise<void> {
  if (definition?.afterDiscard === undefined) return;
  const { topic, partition } = job;
  try {
    const payload = await readPayload(app, definition, job).catch(() => undefined);
    await definition.afterDiscard(new JobRun(job, attempt, payload, app.settings.logger, HOST), error);
  } catch (cause) {
    app.events.emit("error", { error: cause, during: `afterDiscard of job "${definition.name}"`, topic, partition });
  }
}
