import type { Cluster } from "../client/cluster.ts";
import { createGroupMember } from "../client/create-group-member.ts";
import type { KafkaError } from "../client/errors.ts";
import type { GroupMember } from "../client/group-member.ts";
import type { AppState } from "./app-state.ts";
import type { TopicPartition } from "./events.ts";
import type { OwnedExecutors } from "./owned-executors.ts";
import type { OwnedSchedules } from "./owned-schedules.ts";
import type { WorkSettings } from "./work-options.ts";
import type { WorkerTopics } from "./worker-topics.ts";

/** Who takes the partitions that the group gives a worker. */
export interface WorkerGroupParts {
  readonly app: AppState;
  readonly settings: WorkSettings;
  readonly topics: WorkerTopics;
  readonly executors: () => OwnedExecutors;
  readonly schedules: () => OwnedSchedules;
  /** The worker can be no member any more. */
  failed(error: KafkaError): void;
}

/** A worker's membership in its group: partitions of queues go to executors, those of schedule topics to schedulers. */
export function workerGroup(cluster: Cluster, groupId: string, parts: WorkerGroupParts): GroupMember {
  const { app, settings, topics, executors, schedules, failed } = parts;
  const { sessionTimeout, rebalanceTimeout, revokeGrace, groupProtocol, instanceId } = settings;
  const { events } = app;
  const membership = { groupProtocol, groupInstanceId: instanceId, sessionTimeout, rebalanceTimeout };
  const tellBusy = busyTeller(app, instanceId);
  return createGroupMember(
    cluster,
    { ...membership, groupId, topics: () => [...topics.topics, ...schedules().topics] },
    {
      assigned: (partitions) => {
        const { jobs, scheduled } = split(schedules(), partitions);
        if (jobs.length > 0) executors().assign(jobs);
        schedules().assign(scheduled);
      },
      revoked: async (partitions, release) => {
        const { jobs, scheduled } = split(schedules(), partitions);
        if (jobs.length > 0) events.emit("revoked", { partitions: jobs });
        const reason = new DOMException("the partition was revoked", "AbortError");
        await Promise.all([
          executors().release(jobs, { grace: revokeGrace, reason, released: release }),
          schedules().release(scheduled, revokeGrace, release),
        ]);
      },
      lost: (partitions) => {
        const { jobs, scheduled } = split(schedules(), partitions);
        if (jobs.length > 0) events.emit("lost", { partitions: jobs });
        executors().lose(jobs, new DOMException("the partition was lost", "AbortError"));
        schedules().lose(scheduled);
      },
      instanceIdBusy: tellBusy,
      troubled: (error) => events.emit("error", { error, during: `talking to the coordinator of group ${groupId}` }),
      failed,
    },
  );
}

function split(
  schedules: OwnedSchedules,
  partitions: readonly TopicPartition[],
): { readonly jobs: readonly TopicPartition[]; readonly scheduled: readonly TopicPartition[] } {
  const scheduled = partitions.filter(({ topic }) => schedules.isOne(topic));
  return {
    scheduled,
    jobs: scheduled.length === 0 ? partitions : partitions.filter((each) => !scheduled.includes(each)),
  };
}

/** It is tried again and again: logged once. */
function busyTeller({ events, settings }: AppState, instanceId: string | undefined): (error: Error) => void {
  let isLogged = false;
  return (error) => {
    if (!isLogged && !events.has("instanceIdBusy"))
      settings.logger.warn("another worker has this instanceId, or had it when it died: waiting", {
        instanceId,
        error,
      });
    isLogged = true;
    events.emit("instanceIdBusy", { instanceId: instanceId!, error });
  };
}
