import { type App, createApp, type Job } from "ottla";
import { type KeyOptions, keySeries } from "./key-series.ts";

export interface LoadPayload {
  readonly key: string;
  readonly text: string;
}

export interface LoadOptions extends KeyOptions {
  readonly queue: string;
  /** Of a payload as it is sent. */
  readonly bytes: number;
}

/** What a bulk may hold at most, as an import would send it in parts. */
const BULK_JOBS = 10_000;
const BULK_BYTES = 32_000_000;

export function loadJob(app: App, queue: string, perform: () => unknown): Job<LoadPayload> {
  return app.job<LoadPayload>({
    name: "load",
    queue,
    partitioner: ({ payload }) => payload.key,
    async perform() {
      const work = perform();
      if (work !== undefined) await work;
    },
  });
}

/** Enqueues so many jobs, in bulks; gives the milliseconds that it took. */
export async function enqueueLoad(
  app: App,
  job: Job<LoadPayload>,
  count: number,
  options: LoadOptions,
): Promise<number> {
  const { bytes } = options;
  const nextKey = keySeries(options);
  const around = JSON.stringify({ key: "key-", text: "" }).length;
  const text = "x".repeat(Math.max(0, bytes - around));
  const each = Math.max(1, Math.min(BULK_JOBS, Math.floor(BULK_BYTES / Math.max(1, bytes))));
  const began = performance.now();
  for (let left = count; left > 0; left -= each) {
    const jobs = Array.from({ length: Math.min(each, left) }, () => {
      const key = `key-${nextKey()}`;
      return job.of({ key, text: text.slice(key.length - "key-".length) });
    });
    await app.performAllLater(jobs);
  }
  return performance.now() - began;
}

export function loadApp(group: string, queue: string, lanes?: number): App {
  const options = lanes === undefined || lanes < 2 ? {} : { virtualPartitions: { max: lanes } };
  return createApp({ group, queues: { [queue]: options } });
}
