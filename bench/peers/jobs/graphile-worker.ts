import { postgresUrl, SCHEMAS } from "../addresses.ts";
import { CONCURRENCY, type JobSystem, type PeerPayload } from "../job-system.ts";
import { loadPackage } from "../packages/load-package.ts";

interface GraphileWorker {
  makeWorkerUtils(options: object): Promise<{
    migrate(): Promise<unknown>;
    addJob(task: string, payload: PeerPayload): Promise<unknown>;
    addJobs(jobs: readonly { readonly identifier: string; readonly payload: PeerPayload }[]): Promise<unknown>;
    release(): Promise<unknown>;
  }>;
  run(options: object): Promise<{ stop(): Promise<unknown> }>;
  readonly Logger: new (factory: () => () => void) => object;
}

/** Jobs that a worker takes from the database at once, as its guide has it for many small ones. */
const LOCAL_QUEUE = 500;

/** In Postgres, without order by key. */
export async function open(queue: string): Promise<JobSystem> {
  const { makeWorkerUtils, run, Logger } = await loadPackage<GraphileWorker>("graphile-worker");
  const common = {
    connectionString: postgresUrl(),
    schema: SCHEMAS.graphileWorker,
    logger: new Logger(() => () => {}),
  };
  const utils = await makeWorkerUtils(common);
  await utils.migrate();
  return {
    bulk: (payloads) => utils.addJobs(payloads.map((payload) => ({ identifier: queue, payload }))),
    single: (payload) => utils.addJob(queue, payload),
    async work(perform) {
      const runner = await run({
        ...common,
        noHandleSignals: true,
        taskList: { [queue]: async (payload: PeerPayload) => perform(payload) },
        preset: {
          worker: {
            ...{ concurrentJobs: CONCURRENCY, pollInterval: 100, maxPoolSize: 20 },
            ...{ localQueue: { size: LOCAL_QUEUE }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
          },
        },
      });
      return () => runner.stop();
    },
    close: () => utils.release(),
  };
}
