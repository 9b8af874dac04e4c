import process from "node:process";
import { app } from "./app.ts";
import { greet } from "./jobs/greet.ts";

for (const greeting of ["Good morning", "Good day", "Good night"]) {
  const job = await greet.performLater({ name: process.argv[2] ?? "Ada", greeting });
  console.log(`enqueued ${job.id}`);
}
await app.close();
