import { app } from "../app.ts";

export const made: string[] = [];

export const makeReport = app.job({
  name: "make-report",
  queue: "reports",
  async perform(_payload, job) {
    made.push(job.id);
  },
});
