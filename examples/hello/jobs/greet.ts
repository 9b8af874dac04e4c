import { app } from "../app.ts";

export const greet = app.job<{ name: string; greeting: string }>({
  name: "greet",
  queue: "greetings",
  // Jobs of one name run in the order of their enqueueing, one at a time.
  partitioner: (job) => job.payload.name,
  async perform({ name, greeting }, job) {
    console.log(`${greeting}, ${name}! (partition ${job.partition}, offset ${job.offset})`);
  },
});
