import { createApp } from "ottla";
import type { Channel } from "./channel.ts";
import { enqueueLoad, type LoadOptions, loadJob } from "./load.ts";

export interface EnqueueParams extends LoadOptions {
  readonly jobs: number;
}

/** Fills a queue. */
export async function run(params: EnqueueParams, { say }: Channel): Promise<void> {
  const app = createApp();
  const job = loadJob(app, params.queue, () => {});
  const took = await enqueueLoad(app, job, params.jobs, params);
  await app.close();
  say({ took });
}
