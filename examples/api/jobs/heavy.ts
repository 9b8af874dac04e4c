import type { RunningJob } from "ottla";

// biome-ignore lint/style/noDefaultExport: it is what lazy takes
export default function makeReport(_payload: unknown, job: RunningJob): void {
  job.log.info("made a report");
}
