import { setTimeout as sleep } from "node:timers/promises";
import { createApp } from "ottla";
import { wallClock } from "../wall-clock.ts";
import type { Channel } from "./channel.ts";

export interface TrickleParams {
  readonly queue: string;
  readonly partitions: number;
}

/** Every so many milliseconds … */
const INTERVAL = 20;
/** … so many jobs. */
const JOBS = 10;

/** Enqueues a little of everything all the time, so that whoever runs it can tell how long it had to wait. */
export async function run({ queue, partitions }: TrickleParams, { say, onCommand }: Channel): Promise<void> {
  const app = createApp();
  const job = app.job<{ readonly partition: number; readonly sentAt: number }>({
    name: "load",
    queue,
    partitionKeyType: "partition",
    partitioner: ({ payload }) => payload.partition,
    perform: () => {},
  });
  onCommand(() => {});
  for (let next = 0; ; ) {
    const sentAt = wallClock();
    const jobs = Array.from({ length: JOBS }, () => job.of({ partition: next++ % partitions, sentAt }));
    await app.performAllLater(jobs);
    if (next === JOBS) say({ runs: true });
    await sleep(INTERVAL);
  }
}
