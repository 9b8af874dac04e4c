import { createApp } from "ottla";
import { wallClock } from "../wall-clock.ts";
import type { Channel } from "./channel.ts";

export interface FirstJobParams {
  readonly queue: string;
  readonly group: string;
  /** "run": what waits there already; "enqueue": a job of its own. */
  readonly what: "run" | "enqueue";
}

/** In milliseconds of {@link wallClock}: when the library was there, and when the job was run or acknowledged. */
export interface FirstJobTimes {
  readonly loaded: number;
  readonly done: number;
}

/** When the library was there, and when the first job was run or acknowledged. */
export async function run({ queue, group, what }: FirstJobParams, { say }: Channel): Promise<void> {
  const loaded = wallClock();
  const app = createApp({ group });
  const job = app.job<{ readonly key: string }>({
    name: "load",
    queue,
    partitioner: ({ payload }) => payload.key,
    perform() {
      if (what === "run") say({ loaded, done: wallClock() } satisfies FirstJobTimes);
    },
  });
  if (what === "run") {
    await app.work();
  } else {
    await job.performLater({ key: "first" });
    say({ loaded, done: wallClock() } satisfies FirstJobTimes);
  }
}
