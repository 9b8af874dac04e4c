import { conform } from "./conform.ts";
import { continuationsConformance } from "./continuations.ts";
import { deadLettersConformance } from "./dead-letters.ts";
import { duplicatesConformance } from "./duplicates.ts";
import { jobsConformance } from "./jobs.ts";
import { failingJobsConformance } from "./jobs-that-fail.ts";
import { lanesConformance } from "./lanes.ts";
import { parkingConformance } from "./parking.ts";
import { schedulesConformance } from "./schedules.ts";

await conform([
  failingJobsConformance,
  jobsConformance,
  lanesConformance,
  parkingConformance,
  schedulesConformance,
  continuationsConformance,
  deadLettersConformance,
  duplicatesConformance,
]);
