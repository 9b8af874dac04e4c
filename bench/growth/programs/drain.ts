import { randomUUID } from "node:crypto";
import { deferred } from "../../deferred.ts";
import type { Channel } from "./channel.ts";
import { loadApp, loadJob } from "./load.ts";
import { watchMemory } from "./memory.ts";

export interface DrainParams {
  readonly queue: string;
  readonly partitions: number;
  /** How many are there; 0: it only has its partitions. */
  readonly jobs: number;
}

/** Milliseconds until it had its partitions, megabytes (resident at the most, used at the most, resident in the end), jobs a second. */
export interface Drained {
  readonly wait: number;
  readonly peak: number;
  readonly held: number;
  readonly after: number;
  readonly run: number;
}

/** How often it is looked what is held meanwhile. */
const LOOKS = 8;
const SETTLE_MS = 1_500;

/** What a worker takes that works off what waits, and how long it waited for its partitions. */
export async function run({ queue, partitions, jobs }: DrainParams, { say }: Channel): Promise<void> {
  const memory = watchMemory();
  const app = loadApp(randomUUID(), queue);
  let [ran, began, held, assigned] = [0, 0, 0, 0];
  const [done, owned] = [deferred<number>(), deferred<void>()];
  const look = (): void => {
    const lookedAt = performance.now();
    held = Math.max(held, memory.held());
    // It is not the worker that takes that time.
    began += performance.now() - lookedAt;
  };
  loadJob(app, queue, () => {
    if (ran === 0) began = performance.now();
    ran++;
    if (ran % Math.ceil(jobs / LOOKS) === 0) look();
    if (ran === jobs) done.resolve(performance.now() - began);
  });
  app.on("assigned", (event) => {
    assigned += event.partitions.length;
    if (assigned >= partitions) owned.resolve();
  });
  const workedAt = performance.now();
  await app.work();
  await owned.promise;
  const wait = performance.now() - workedAt;
  const took = jobs === 0 ? 0 : await done.promise;
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const after = memory.resident();
  const [peak, most] = [memory.peak(), Math.max(held, memory.held())];
  say({ wait, peak, held: most, after, run: (jobs / took) * 1_000 } satisfies Drained);
}
