import { type BackoffOptions, backoffDelay } from "../client/backoff.ts";
import { Coordinator } from "../client/coordinator.ts";
import { type CommittedOffset, fetchOffsets } from "../client/group-offsets.ts";
import { partitionKey } from "../client/topic-partition.ts";
import { sleep } from "../net/clock.ts";
import type { AppState } from "./app-state.ts";
import { FinishedOffsets } from "./finished-offsets.ts";
import { GroupVisit, type VisitedPartition } from "./group-visit.ts";
import { LetterMover, type LetterReports } from "./letter-mover.ts";
import { ASK_TIMEOUT, redriveGroup } from "./letter-partitions.ts";
import { Pace } from "./pace.ts";
import { readPartition } from "./partition-reader.ts";
import type { PlannedPartition, RedrivePlan } from "./redrive-plan.ts";

/** How long (ms) a member that has partitions waits for more of them. */
const NEXT_PARTITION = 1_000;
/** How often (ms) one that waits for partitions looks whether others have dealt with their letters. */
const LOOK_EVERY = 5_000;
const REJOIN_BACKOFF: BackoffOptions = { initial: 500, max: 10_000 };

/**
 * Deals with the planned letters, as a member of the redrive group. Others may do so at the same time: the group shares
 * the partitions out, and a letter that another has dealt with is done. A member that waits for partitions of others
 * leaves with those that it is done with, since the others may want letters in them.
 */
export async function carryOut(
  app: AppState,
  { partitions }: RedrivePlan,
  rate: number,
  reports: LetterReports,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = app.slot.use();
  const pace = new Pace(clock, rate);
  const topics = [...new Set(partitions.map(({ topic }) => topic))];
  const plans = new Map(partitions.map((plan) => [partitionKey(plan.topic, plan.partition), plan]));
  for (let visits = 1; (await isLeft(app, partitions, signal)) && !signal.aborted; visits++) {
    if (visits > 1) await sleep(clock, backoffDelay(REJOIN_BACKOFF, visits - 1, clock), signal);
    const visit = new GroupVisit(app, redriveGroup(app), topics, signal);
    try {
      while (!signal.aborted && partitions.some(({ chosen }) => chosen.size > 0)) {
        const visited = await visit.next(visit.hasSome ? NEXT_PARTITION : LOOK_EVERY);
        if (visited !== undefined) {
          const plan = plans.get(partitionKey(visited.topic, visited.partition));
          if (plan !== undefined && plan.chosen.size > 0)
            await visited.use(() => dealWith(app, visit, visited, plan, pace, reports, signal));
        } else if (visit.hasSome || !(await isLeft(app, partitions, signal))) break;
      }
    } finally {
      await visit.close();
    }
  }
}

/** Whether some planned letter has not been dealt with; those that have are no longer planned. */
async function isLeft(app: AppState, plans: readonly PlannedPartition[], signal: AbortSignal): Promise<boolean> {
  const open = plans.filter(({ chosen }) => chosen.size > 0);
  if (open.length === 0) return false;
  const coordinator = new Coordinator(app.slot.use().kafka.cluster, redriveGroup(app));
  const committed = await fetchOffsets(coordinator, open, ASK_TIMEOUT, signal);
  for (const plan of open) strike(plan, readFinished(plan, committed.get(partitionKey(plan.topic, plan.partition))));
  return open.some(({ chosen }) => chosen.size > 0);
}

function readFinished({ topicId, start }: PlannedPartition, committed: CommittedOffset | undefined): FinishedOffsets {
  return FinishedOffsets.read(committed, topicId, start);
}

/** What another redrive has dealt with. */
function strike({ chosen }: PlannedPartition, finished: FinishedOffsets): void {
  for (const offset of [...chosen.keys()]) if (finished.has(offset)) chosen.delete(offset);
}

async function dealWith(
  app: AppState,
  visit: GroupVisit,
  visited: VisitedPartition,
  plan: PlannedPartition,
  pace: Pace,
  reports: LetterReports,
  signal: AbortSignal,
): Promise<void> {
  const { kafka } = app.slot.use();
  const finished = readFinished(plan, await visit.committed(plan));
  strike(plan, finished);
  const mover = new LetterMover(visit, visited, plan, finished, pace, reports);
  const stop = AbortSignal.any([signal, visited.leave]);
  for await (const batch of readPartition(kafka, plan, finished.base, plan.end, stop)) {
    if (!(await mover.take(batch)) || plan.chosen.size === 0) return;
  }
  if (!stop.aborted) mover.readAll();
}
