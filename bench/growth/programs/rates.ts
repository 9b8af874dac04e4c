import { randomUUID } from "node:crypto";
import { deferred } from "../../deferred.ts";
import type { Channel } from "./channel.ts";
import { type HandlerOptions, handler } from "./handler.ts";
import { enqueueLoad, type LoadOptions, loadApp, loadJob } from "./load.ts";

export interface RatesParams extends LoadOptions, HandlerOptions {
  readonly jobs: number;
  readonly lanes?: number;
}

/** Jobs a second. */
export interface Rates {
  readonly enqueue: number;
  readonly run: number;
}

/** Of what is enqueued, and of what is run, so much does not count: code is compiled, connections are opened. */
const WARM_UP = 0.1;

/** Jobs a second that one process enqueues in bulk, and then runs. */
export async function run(params: RatesParams, { say }: Channel): Promise<void> {
  const { queue, jobs, lanes } = params;
  const warmUp = Math.ceil(jobs * WARM_UP);
  const perform = handler(params);
  const app = loadApp(randomUUID(), queue, lanes);
  let [started, ended, began] = [0, 0, 0];
  const finished = deferred<number>();
  const end = (): void => {
    if (++ended === jobs + warmUp) finished.resolve(performance.now() - began);
  };
  const job = loadJob(app, queue, () => {
    if (started++ === warmUp) began = performance.now();
    const work = perform();
    if (!(work instanceof Promise)) return end();
    return work.then(end);
  });
  await enqueueLoad(app, job, warmUp, params);
  const took = await enqueueLoad(app, job, jobs, params);
  await app.work();
  const rate = (ms: number): number => (jobs / ms) * 1_000;
  say({ enqueue: rate(took), run: rate(await finished.promise) } satisfies Rates);
}
