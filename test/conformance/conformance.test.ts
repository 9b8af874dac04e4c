import process from "node:process";
import { adminConformance } from "./admin.ts";
import { adminGroupsConformance } from "./admin-groups.ts";
import { compactionConformance } from "./compaction.ts";
import { consumeConformance } from "./consume.ts";
import { consumerControlConformance } from "./consumer-control.ts";
import { consumerGroupConformance } from "./consumer-group.ts";
import { continuationsConformance } from "./continuations.ts";
import { deadLettersConformance } from "./dead-letters.ts";
import { duplicatesConformance } from "./duplicates.ts";
import { fetchSessionsConformance } from "./fetch-sessions.ts";
import { groupConformance } from "./group.ts";
import { groupChangesConformance } from "./group-changes.ts";
import { idempotenceConformance } from "./idempotence.ts";
import { jobsConformance } from "./jobs.ts";
import { failingJobsConformance } from "./jobs-that-fail.ts";
import { lanesConformance } from "./lanes.ts";
import { leaderEpochsConformance } from "./leader-epochs.ts";
import { offsetsConformance } from "./offsets.ts";
import { parkingConformance } from "./parking.ts";
import { patternConformance } from "./patterns.ts";
import { produceConformance } from "./produce.ts";
import { protocolConformance } from "./protocol.ts";
import { schedulesConformance } from "./schedules.ts";
import { memoryTarget, probedTarget, type Target, tcpTarget, withoutEpochPerTransaction } from "./target.ts";
import { topicsConformance } from "./topics.ts";
import { transactionOffsetsConformance } from "./transaction-offsets.ts";
import { transactionOwnersConformance } from "./transaction-owners.ts";
import { transactionsConformance } from "./transactions.ts";
import { transactionsClientConformance } from "./transactions-client.ts";

const SUITES: readonly ((target: Target) => void)[] = [
  topicsConformance,
  adminConformance,
  adminGroupsConformance,
  produceConformance,
  consumeConformance,
  consumerControlConformance,
  fetchSessionsConformance,
  compactionConformance,
  idempotenceConformance,
  leaderEpochsConformance,
  transactionsConformance,
  transactionOwnersConformance,
  transactionOffsetsConformance,
  transactionsClientConformance,
  offsetsConformance,
  groupConformance,
  consumerGroupConformance,
  groupChangesConformance,
  patternConformance,
  protocolConformance,
  failingJobsConformance,
  jobsConformance,
  lanesConformance,
  parkingConformance,
  schedulesConformance,
  continuationsConformance,
  deadLettersConformance,
  duplicatesConformance,
];

/** The in-process broker, and the cluster that KAFKA_BROKERS names where it names one. */
async function targets(): Promise<Target[]> {
  const brokers = (process.env.KAFKA_BROKERS ?? "").split(",").filter((address) => address !== "");
  return [memoryTarget, tcpTarget, ...(brokers.length === 0 ? [] : [await probedTarget(brokers)])];
}

for (const target of await targets()) for (const suite of SUITES) suite(target);
// A client tells by the feature alone how to write transactions.
transactionsClientConformance(withoutEpochPerTransaction);
