import type { DispatchedJob } from "../jobs/dispatched-job.ts";

/** What an enqueue gave, as a line for people. */
export function describeResult(name: string, result: DispatchedJob): string {
  const place = "partition" in result ? `, partition ${result.partition}, offset ${result.offset}` : "";
  return `${result.state} ${name} ${result.id}: queue ${result.queue}${place}\n`;
}
