import type { SchedulePlace } from "../schedule-app.ts";
import type { GrowthBench } from "./growth-bench.ts";
import type { FillScheduleParams } from "./programs/fill-schedule.ts";
import type { LoadScheduleParams, ScheduleMemory } from "./programs/load-schedule.ts";

const QUEUE_PARTITIONS = 12;
const SCHEDULE_PARTITIONS = 4;

/** A queue, and a schedule topic with the one for what cannot be dispatched, that has so many entries. */
export async function filledSchedule(bench: GrowthBench, entries: number): Promise<SchedulePlace> {
  const queue = await bench.topic(QUEUE_PARTITIONS);
  const schedule = await bench.topic(SCHEDULE_PARTITIONS, { "cleanup.policy": "compact" }, `${queue}-later`);
  await bench.topic(SCHEDULE_PARTITIONS, {}, `${schedule}-dead`);
  if (entries > 0) await bench.run("fill-schedule", { queue, schedule, entries } satisfies FillScheduleParams);
  return { queue, schedule };
}

/** What a fresh worker takes that has so many entries to load, and so many recurring jobs to look after. */
export function scheduleMemory(
  bench: GrowthBench,
  place: SchedulePlace,
  entries: number,
  recurring = 0,
): Promise<ScheduleMemory> {
  const partitions = { queuePartitions: QUEUE_PARTITIONS, schedulePartitions: SCHEDULE_PARTITIONS };
  return bench.run("load-schedule", { ...place, ...partitions, entries, recurring } satisfies LoadScheduleParams);
}
