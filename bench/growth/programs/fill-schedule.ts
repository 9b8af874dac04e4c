import { order, type SchedulePlace, scheduleApp } from "../../schedule-app.ts";
import type { Channel } from "./channel.ts";

export interface FillScheduleParams extends SchedulePlace {
  readonly entries: number;
}

const BULK = 20_000;
const DAY = 86_400_000;

/** Schedules so many jobs for tomorrow, in no order. */
export async function run({ entries, ...place }: FillScheduleParams, { say }: Channel): Promise<void> {
  const { app, job } = scheduleApp(place, "fills-only");
  const began = performance.now();
  for (let from = 0; from < entries; from += BULK) {
    const jobs = Array.from({ length: Math.min(BULK, entries - from) }, (_, i) =>
      job.set({ wait: DAY + (((from + i) * 7_919) % DAY) }).of(order(from + i)),
    );
    await app.performAllLater(jobs);
  }
  const took = performance.now() - began;
  await app.close();
  say({ took });
}
