import { type Measure, sizes } from "../measure.ts";
import { filledSchedule, scheduleMemory } from "../schedule-memory.ts";

export const schedules: Measure = {
  name: "schedules",
  title: "Memory and loading time against scheduled entries",
  axis: { title: "entries that wait for their time", kind: "log" },
  columns: [
    { key: "resident", title: "resident", unit: "MB" },
    { key: "peak", title: "resident, at its highest", unit: "MB" },
    { key: "duration", title: "loaded after", unit: "ms" },
  ],
  panels: [
    { title: "MB", keys: ["resident", "peak"] },
    { title: "ms until they are loaded", keys: ["duration"] },
  ],
  points: sizes([0, 10_000, 100_000, 1_000_000], [10_000]),
  async prepare(bench, { x: entries }) {
    const place = await filledSchedule(bench, entries);
    return async (round) => ({ ...(await scheduleMemory(round, place, entries)) });
  },
};
