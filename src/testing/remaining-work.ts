import type { SchedulePartition } from "../jobs/schedule-partition.ts";
import type { PartitionStatus } from "../jobs/worker-status.ts";
import type { TestWorkers } from "./test-workers.ts";

interface PartitionWork {
  readonly topic: string;
  readonly partition: number;
  /** Where the group is. */
  readonly committed: number;
  /** The offset that the next record gets. */
  readonly end: number;
  readonly owner: PartitionStatus | undefined;
}

/** What the workers could still do without waiting for a retry or such, in words. Empty: nothing. */
export function remainingWork(workers: TestWorkers): string[] {
  const left = partitionsOf(workers).filter((work) => work.committed < work.end && !isWaiting(work));
  const enqueues = workers.enqueuesUnderWay();
  return [
    ...workers.changes,
    ...(enqueues === 0 ? [] : [`${enqueues} enqueues have not ended`]),
    ...left.map(describeWork),
    ...overdue(workers),
  ];
}

/** What of schedule topics is still to be dispatched, or to be read, in words. */
function overdue(workers: TestWorkers): string[] {
  return schedulesOf(workers).flatMap(({ place, isEmpty, end, owner }) => {
    if (isEmpty) return [];
    if (owner?.state !== "running") return [`${place}: nobody has loaded it (${owner?.state ?? "without an owner"})`];
    if (owner.position < end || owner.requests > 0) return [`${place}: it is not read to its end`];
    const isDue = owner.nextDueAt !== undefined && owner.nextDueAt <= workers.now;
    return isDue ? [`${place}: what is due there is not dispatched`] : [];
  });
}

interface ScheduleWork {
  readonly place: string;
  /** Nothing was ever written there. */
  readonly isEmpty: boolean;
  readonly end: number;
  readonly owner: SchedulePartition | undefined;
}

function schedulesOf(workers: TestWorkers): ScheduleWork[] {
  const { broker, scheduleTopics } = workers;
  const owners = new Map(workers.schedules.map((owner) => [`${owner.topic}/${owner.partition}`, owner]));
  return broker
    .topics()
    .filter(({ name }) => scheduleTopics.includes(name))
    .flatMap(({ name, partitions }) =>
      partitions.map(({ index, logStartOffset, logEndOffset: end }) => {
        const place = `${name}/${index}`;
        return { place, isEmpty: end === logStartOffset, end, owner: owners.get(place) };
      }),
    );
}

/** What keeps the group from being at rest, in words: every partition is to have its owner, and every worker its place. */
export function unsettledGroup(workers: TestWorkers): string[] {
  const group = workers.broker.groups().find(({ groupId }) => groupId === workers.group);
  const members = group?.members.length ?? 0;
  const state = group?.state.toLowerCase() ?? "without members";
  const unowned = partitionsOf(workers).filter(({ owner }) => owner?.state !== "running");
  return [
    ...workers.changes,
    ...(members === workers.living ? [] : [`${members} members in the group of ${workers.living} workers`]),
    ...(state === "stable" ? [] : [`a group that is ${state}`]),
    ...unowned.map(({ topic, partition }) => `${topic}/${partition} without an owner`),
    ...schedulesOf(workers).flatMap(({ place, owner }) => (owner?.state === "running" ? [] : `${place} is not loaded`)),
  ];
}

function partitionsOf({ broker, group, queues, partitions }: TestWorkers): PartitionWork[] {
  const owners = new Map(partitions.map((status) => [`${status.topic}/${status.partition}`, status]));
  const offsets = broker.groups().find(({ groupId }) => groupId === group)?.offsets ?? [];
  const committed = new Map(offsets.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]));
  return broker
    .topics()
    .filter(({ name }) => queues.includes(name))
    .flatMap(({ name: topic, partitions: all }) =>
      all.map(({ index: partition, logStartOffset, logEndOffset: end }) => {
        const place = `${topic}/${partition}`;
        return { topic, partition, end, committed: committed.get(place) ?? logStartOffset, owner: owners.get(place) };
      }),
    );
}

/** Its next job waits for its time, and all before that one is committed. */
function isWaiting({ owner, committed }: PartitionWork): boolean {
  return owner?.state === "running" && owner.isWaiting && owner.offset === committed;
}

function describeWork({ topic, partition, committed, end, owner }: PartitionWork): string {
  const state = owner === undefined ? "without an owner" : `${owner.state}, ${owner.waiting} jobs wait there`;
  return `${topic}/${partition}: offsets ${committed} to ${end - 1} are not finished (${state})`;
}
