import { postgresUrl, SCHEMAS } from "../addresses.ts";
import type { JobSystem, PeerPayload } from "../job-system.ts";
import { loadPackage } from "../packages/load-package.ts";

interface Boss {
  on(event: "error", listener: (error: unknown) => void): void;
  start(): Promise<unknown>;
  createQueue(name: string): Promise<unknown>;
  insert(jobs: readonly { readonly name: string; readonly data: PeerPayload }[]): Promise<unknown>;
  send(name: string, data: PeerPayload): Promise<unknown>;
  work(
    name: string,
    options: object,
    perform: (jobs: readonly { readonly data: PeerPayload }[]) => Promise<void>,
  ): Promise<unknown>;
  stop(options: object): Promise<unknown>;
}

interface PgBoss {
  readonly default: new (options: object) => Boss;
}

/** Each of its workers takes so many jobs at once, and looks for more this often: it is not told of them. */
const BATCH = 1_000;
const WORKERS = 10;
const POLL_SECONDS = 0.5;

/** In Postgres, without order by key. */
export async function open(queue: string): Promise<JobSystem> {
  const { default: PgBossClass } = await loadPackage<PgBoss>("pg-boss");
  const boss = new PgBossClass({ connectionString: postgresUrl(), schema: SCHEMAS.pgBoss });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  await boss.createQueue(queue);
  return {
    bulk: (payloads) => boss.insert(payloads.map((data) => ({ name: queue, data }))),
    single: (payload) => boss.send(queue, payload),
    async work(perform) {
      const options = { batchSize: BATCH, pollingIntervalSeconds: POLL_SECONDS };
      // One alone could not take more than a batch in each interval, however fast it is.
      for (let i = 0; i < WORKERS; i++) {
        await boss.work(queue, options, async (jobs) => {
          for (const { data } of jobs) perform(data);
        });
      }
      return async () => {};
    },
    close: () => boss.stop({ graceful: false }),
  };
}
