import assert from "node:assert/strict";
import type { Api } from "../../protocol/api.ts";
import { BatchBuilder, NO_PRODUCER } from "../../protocol/batch-builder.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Draft } from "../../protocol/field.ts";
import { listOffsets } from "../../protocol/messages/02-list-offsets.ts";
import { findCoordinator } from "../../protocol/messages/10-find-coordinator.ts";
import { heartbeat } from "../../protocol/messages/12-heartbeat.ts";
import { type ApiVersion, apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { RawClient } from "../broker/raw-client.ts";
import type { TestCluster } from "./target.ts";

/** Who asks, as ApiVersions wants to know it. */
export const SOFTWARE: { readonly clientSoftwareName: string; readonly clientSoftwareVersion: string } = {
  clientSoftwareName: "conformance",
  clientSoftwareVersion: "1",
};

/** A connection that speaks whatever version it is told to, and what the broker at its other end offers. */
export class VersionedClient {
  readonly #raw: RawClient;
  readonly #offered: ReadonlyMap<number, ApiVersion>;

  private constructor(raw: RawClient, offered: ReadonlyMap<number, ApiVersion>) {
    this.#raw = raw;
    this.#offered = offered;
  }

  static async open(cluster: TestCluster, address: string = cluster.brokers[0]!): Promise<VersionedClient> {
    const raw = await RawClient.open(cluster.transport, address);
    cluster.onClose(() => Promise.resolve(raw.close()));
    const { apiKeys } = await raw.call(apiVersions, 3, SOFTWARE);
    return new VersionedClient(raw, new Map(apiKeys.map((range) => [range.apiKey, range])));
  }

  /** The versions that both sides speak, at most `last`. */
  versions<Q, R>(api: Api<Q, R>, last: number = api.maxVersion): number[] {
    const offered = this.#offered.get(api.key);
    assert.ok(offered !== undefined, `the broker has no ${api.name}`);
    const from = Math.max(api.minVersion, offered.minVersion);
    const to = Math.min(last, offered.maxVersion);
    assert.ok(to >= from, `no common version of ${api.name}`);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  }

  /** The highest version that both sides speak, but no higher than `wanted`, and no lower than the lowest. */
  near<Q, R>(api: Api<Q, R>, wanted: number): number {
    const versions = this.versions(api);
    return Math.max(versions[0]!, Math.min(wanted, versions.at(-1)!));
  }

  call<Q, R>(api: Api<Q, R>, version: number, body: Draft<Q>): Promise<R> {
    return this.#raw.call(api, version, body);
  }
}

/** A batch of one record, as a client sends it that is no producer with sequences. */
export function plainBatch(value: string): Uint8Array<ArrayBuffer> {
  const builder = new BatchBuilder(1 << 16);
  builder.append(null, new TextEncoder().encode(value), Date.now());
  builder.close("none");
  return builder.stamped(NO_PRODUCER);
}

/** A connection to the leader of partition 0 of a new topic. */
export async function leaderOf(
  cluster: TestCluster,
): Promise<{ client: VersionedClient; topic: string; topicId: string }> {
  const topic = await cluster.topic();
  const { metadata: known } = cluster.kafka().cluster;
  const address = known.nodes.get(known.partition(topic, 0)!.leader)!;
  const client = await VersionedClient.open(cluster, `${address.host}:${address.port}`);
  await untilItLeads(client, topic);
  return { client, topic, topicId: known.topic(topic)!.topicId };
}

/** A node learns what it leads some time after the controller has told so. */
async function untilItLeads(client: VersionedClient, name: string): Promise<void> {
  const topics = [{ name, partitions: [{ partitionIndex: 0, timestamp: -1 }] }];
  for (;;) {
    const answer = await client.call(listOffsets, client.near(listOffsets, 7), { replicaId: -1, topics });
    const { errorCode } = answer.topics[0]!.partitions[0]!;
    if (errorCode === ErrorCode.NONE) return;
    const isEarly =
      errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER || errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    assert.ok(isEarly, `${name}: error ${errorCode}`);
  }
}

/** A connection to the coordinator of a new group, once it has one that is ready. */
export async function coordinatorOf(cluster: TestCluster): Promise<{ client: VersionedClient; group: string }> {
  const group = cluster.fresh("group");
  const anywhere = await VersionedClient.open(cluster);
  for (;;) {
    const { errorCode, host, port } = await anywhere.call(findCoordinator, 3, { keyType: 0, key: group });
    if (errorCode === ErrorCode.NONE) {
      const client = await VersionedClient.open(cluster, `${host}:${port}`);
      if (await isCoordinator(client, group)) return { client, group };
    } else assert.equal(errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE);
  }
}

/** A node may be named as the coordinator before it knows, or has read what there is to know. */
async function isCoordinator(client: VersionedClient, groupId: string): Promise<boolean> {
  const who = { groupId, memberId: "nobody", generationId: 1 };
  const { errorCode } = await client.call(heartbeat, client.near(heartbeat, 3), who);
  return errorCode === ErrorCode.UNKNOWN_MEMBER_ID;
}
