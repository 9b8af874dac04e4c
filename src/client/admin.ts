import { type Acl, type AclFilter, createAcls, deleteAcls, describeAcls } from "./admin-acls.ts";
import { AdminCalls } from "./admin-calls.ts";
import {
  type ClusterDescription,
  describeCluster,
  describeFeatures,
  type FeatureDescription,
  type FeatureUpdate,
  updateFeatures,
} from "./admin-cluster.ts";
import {
  alterConfigs,
  type ConfigChanges,
  type ConfigDescription,
  type ConfigResource,
  describeConfigs,
} from "./admin-configs.ts";
import {
  deleteGroups,
  describeGroups,
  type GroupDescription,
  type GroupFilter,
  type GroupListing,
  listGroups,
} from "./admin-groups.ts";
import {
  alterGroupOffsets,
  deleteGroupOffsets,
  deleteRecords,
  type GroupLag,
  groupLag,
  groupOffsets,
  type ListedOffset,
  listOffsets,
  type OffsetQuery,
  type RecordsToDelete,
} from "./admin-offsets.ts";
import {
  awaitTopic,
  createPartitions,
  createTopics,
  deleteTopics,
  describeTopics,
  type NewPartitions,
  type NewTopic,
  type TopicDescription,
} from "./admin-topics.ts";
import type { Cluster } from "./cluster.ts";
import { InvalidArgumentError } from "./errors.ts";
import type { GroupOffset } from "./group-offsets.ts";
import type { PartitionOffset } from "./partition-offset.ts";
import type { TopicPartition } from "./topic-partition.ts";

export interface AdminOptions {
  /** Milliseconds until a call is given up that fails in ways that pass; it is repeated until then. Default 30,000. */
  readonly timeout?: number | undefined;
}

const DEFAULT_TIMEOUT = 30_000;

/**
 * Looks after a cluster. Calls are repeated while they fail in ways that pass: a change whose answer was lost may so be
 * made twice, and then say that it was made already. Where a call is about several things, all that can be done is done,
 * and one error names every one that failed.
 */
export class Admin {
  readonly #calls: AdminCalls;

  constructor(cluster: Cluster, { timeout = DEFAULT_TIMEOUT }: AdminOptions = {}) {
    if (!(Number.isFinite(timeout) && timeout > 0))
      throw new InvalidArgumentError(`admin option timeout is ${timeout}: a positive number of milliseconds is wanted`);
    this.#calls = new AdminCalls(cluster, timeout);
  }

  /** Every topic that is not one of Kafka's own. */
  listTopics(): Promise<TopicDescription[]> {
    return describeTopics(this.#calls, null);
  }

  /** The topics of these names; one that does not exist has `errorCode` 3. */
  async describeTopics(names: readonly string[]): Promise<TopicDescription[]> {
    return names.length === 0 ? [] : describeTopics(this.#calls, names);
  }

  /** Resolves once every broker knows the topic: one that lags behind the others says for a while that there is none. */
  awaitTopic(name: string): Promise<void> {
    return awaitTopic(this.#calls, name);
  }

  /** Creates topics, and resolves once all their partitions have leaders. */
  createTopics(topics: readonly NewTopic[]): Promise<void> {
    return createTopics(this.#calls, topics);
  }

  /** Deletes topics with all their records, and resolves once they are gone. */
  deleteTopics(names: readonly string[]): Promise<void> {
    return deleteTopics(this.#calls, names);
  }

  /** Gives topics more partitions: records stay where they are, and keys move. Resolves once the new ones have leaders. */
  createPartitions(topics: readonly NewPartitions[]): Promise<void> {
    return createPartitions(this.#calls, topics);
  }

  /** Deletes the records below an offset of each partition; gives the first offsets that are left, in the same order. */
  deleteRecords(deletions: readonly RecordsToDelete[]): Promise<number[]> {
    return deleteRecords(this.#calls, deletions);
  }

  /** The settings of topics, brokers or groups, in the order of the question. */
  describeConfigs(resources: readonly ConfigResource[]): Promise<ConfigDescription[]> {
    return describeConfigs(this.#calls, resources);
  }

  /** Changes settings, and leaves those that are not named as they are. `validateOnly`: changes nothing. */
  alterConfigs(
    changes: readonly ConfigChanges[],
    { validateOnly = false }: { readonly validateOnly?: boolean | undefined } = {},
  ): Promise<void> {
    return alterConfigs(this.#calls, changes, validateOnly);
  }

  /** Who is in the cluster. */
  describeCluster(): Promise<ClusterDescription> {
    return describeCluster(this.#calls);
  }

  /** The features that the cluster knows, and the versions it has switched on. */
  describeFeatures(): Promise<FeatureDescription[]> {
    return describeFeatures(this.#calls);
  }

  /** Switches versions of features on for the whole cluster: all of these, or none. */
  updateFeatures(
    updates: readonly FeatureUpdate[],
    { validateOnly = false }: { readonly validateOnly?: boolean | undefined } = {},
  ): Promise<void> {
    return updateFeatures(this.#calls, updates, validateOnly);
  }

  /** The groups of all brokers, by id. Rejects where one broker does not answer: its groups would be missing. */
  listGroups(filter: GroupFilter = {}): Promise<GroupListing[]> {
    return listGroups(this.#calls, filter);
  }

  /** Groups of either protocol with their members; one that does not exist has `errorCode` 69. */
  describeGroups(groupIds: readonly string[]): Promise<GroupDescription[]> {
    return describeGroups(this.#calls, groupIds);
  }

  /** Deletes groups that nobody is in, with their offsets. */
  deleteGroups(groupIds: readonly string[]): Promise<void> {
    return deleteGroups(this.#calls, groupIds);
  }

  /** What a group has committed: for these partitions, or for all that it has offsets of. */
  groupOffsets(groupId: string, partitions?: readonly TopicPartition[]): Promise<GroupOffset[]> {
    return groupOffsets(this.#calls, groupId, partitions);
  }

  /** Stores offsets for a group that nobody is in. */
  alterGroupOffsets(groupId: string, offsets: readonly PartitionOffset[]): Promise<void> {
    return alterGroupOffsets(this.#calls, groupId, offsets);
  }

  /** Deletes offsets of a group, of topics that nobody in it is subscribed to. */
  deleteGroupOffsets(groupId: string, partitions: readonly TopicPartition[]): Promise<void> {
    return deleteGroupOffsets(this.#calls, groupId, partitions);
  }

  /** How far a group is behind the last stable offset, on each partition that it has an offset of. */
  groupLag(groupId: string): Promise<GroupLag[]> {
    return groupLag(this.#calls, groupId);
  }

  /** The offsets asked for, in the order of the questions. `isolation` matters for "latest". Default "readCommitted". */
  listOffsets(
    queries: readonly OffsetQuery[],
    { isolation = "readCommitted" }: { readonly isolation?: "readCommitted" | "readUncommitted" | undefined } = {},
  ): Promise<ListedOffset[]> {
    return listOffsets(this.#calls, queries, isolation);
  }

  /** The access rules that match. */
  describeAcls(filter: AclFilter = {}): Promise<Acl[]> {
    return describeAcls(this.#calls, filter);
  }

  /** Adds access rules. */
  createAcls(acls: readonly Acl[]): Promise<void> {
    return createAcls(this.#calls, acls);
  }

  /** Takes back the access rules that match any of the filters; gives them. */
  deleteAcls(filters: readonly AclFilter[]): Promise<Acl[]> {
    return deleteAcls(this.#calls, filters);
  }
}
