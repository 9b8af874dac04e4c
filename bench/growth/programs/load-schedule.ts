import { randomUUID } from "node:crypto";
import { order, type SchedulePlace, scheduleApp } from "../../schedule-app.ts";
import type { Channel } from "./channel.ts";
import { watchMemory } from "./memory.ts";

export interface LoadScheduleParams extends SchedulePlace {
  readonly queuePartitions: number;
  readonly schedulePartitions: number;
  readonly entries: number;
  readonly recurring: number;
}

/** Megabytes that are resident, and were at the most, and milliseconds of reading the slowest partition. */
export interface ScheduleMemory {
  readonly resident: number;
  readonly peak: number;
  readonly duration: number;
}

const ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Sydney"];
/** How long nothing has to change. */
const SETTLE_MS = 4_000;

/** What a worker takes that has loaded all that waits for its time. */
export async function run(params: LoadScheduleParams, { say }: Channel): Promise<void> {
  const memory = watchMemory();
  const { app, job } = scheduleApp(params, randomUUID());
  for (let i = 0; i < params.recurring; i++) {
    const cron = `${i % 60} ${(i * 7) % 24} * * ${i % 7}`;
    app.recurring({ name: `recurring-${i}`, cron, timeZone: ZONES[i % ZONES.length]!, job: job.of(order(i)) });
  }
  let [loaded, partitions, duration] = [0, 0, 0];
  app.on("scheduleLoaded", (event) => {
    loaded += event.entries;
    partitions++;
    duration = Math.max(duration, event.duration);
  });
  const worker = await app.work();
  const isReady = (): boolean =>
    partitions === params.schedulePartitions &&
    loaded === params.entries &&
    worker.status().partitions.length === params.queuePartitions;
  let readyAt: number | undefined;
  while (readyAt === undefined || performance.now() - readyAt < SETTLE_MS) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    readyAt = isReady() ? (readyAt ?? performance.now()) : undefined;
  }
  const resident = memory.resident();
  say({ resident, peak: memory.peak(), duration } satisfies ScheduleMemory);
}
