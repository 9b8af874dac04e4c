import { app, later, queue } from "./app.ts";

export interface Reminder {
  readonly user: string;
  readonly text: string;
}

/** What a worker says of a reminder that has gone off. */
export interface Rung extends Reminder {
  /** The job's. */
  readonly id: string;
  /** When it went off, in ms since 1970. */
  readonly at: number;
}

export const remind = app.job<Reminder>({
  name: "remind",
  queue,
  scheduledMessagesTopic: later,
  partitioner: (job) => job.payload.user,
  perform({ user, text }, job) {
    const rung: Rung = { user, text, id: job.id, at: Date.now() };
    console.log(JSON.stringify(rung));
  },
});
