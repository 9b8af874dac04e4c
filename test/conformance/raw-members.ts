import { ErrorCode } from "../../protocol/errors.ts";
import type { Draft } from "../../protocol/field.ts";
import { type JoinGroupResponse, joinGroup } from "../../protocol/messages/11-join-group.ts";
import { type HeartbeatResponse, heartbeat } from "../../protocol/messages/12-heartbeat.ts";
import { type SyncGroupResponse, syncGroup } from "../../protocol/messages/14-sync-group.ts";
import {
  type ConsumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatResponse,
  consumerGroupHeartbeat,
} from "../../protocol/messages/68-consumer-group-heartbeat.ts";
import {
  decodeAssignment,
  encodeAssignment,
  encodeSubscription,
  type TopicPartition,
} from "../../protocol/messages/consumer-protocol.ts";
import { sleep, systemClock } from "../../src/net/clock.ts";
import type { VersionedClient } from "./versioned-client.ts";

export const REBALANCE = 20_000;
const CLASSIC_SESSION = 10_000;
const PAUSE = 20;

/** A member of a consumer group that sends exactly what it is told to, and believes what it is answered. */
export class RawMember {
  readonly #client: VersionedClient;
  readonly groupId: string;
  memberId: string;
  readonly instanceId: string | null;
  epoch = 0;
  /** Partitions by topic id. */
  owned: ReadonlyMap<string, readonly number[]> = new Map();

  constructor(
    client: VersionedClient,
    groupId: string,
    memberId: string = crypto.randomUUID(),
    instanceId: string | null = null,
  ) {
    this.#client = client;
    this.groupId = groupId;
    this.memberId = memberId;
    this.instanceId = instanceId;
  }

  /** All partitions that it has, of whatever topic, in order. */
  get partitions(): readonly number[] {
    return [...this.owned.values()].flat().sort((a, b) => a - b);
  }

  /** Sends a heartbeat of these fields alone. */
  async send(fields: Draft<ConsumerGroupHeartbeatRequest>, version = 1): Promise<ConsumerGroupHeartbeatResponse> {
    const { groupId, memberId, instanceId } = this;
    return this.#client.call(consumerGroupHeartbeat, version, { groupId, memberId, instanceId, ...fields });
  }

  /** Sends a heartbeat, and takes what it is given, and gives up what it is to: an error code. */
  async beat(fields: Draft<ConsumerGroupHeartbeatRequest> = {}, version = 1): Promise<number> {
    const topicPartitions = [...this.owned].map(([topicId, partitions]) => ({ topicId, partitions }));
    const answer = await this.send({ memberEpoch: this.epoch, topicPartitions, ...fields }, version);
    const { errorCode, memberId, memberEpoch, assignment } = answer;
    if (errorCode !== 0) return errorCode;
    this.memberId = memberId!;
    this.epoch = memberEpoch;
    if (assignment !== null) {
      this.owned = new Map(assignment.topicPartitions.map((topic) => [topic.topicId, topic.partitions]));
    }
    return 0;
  }

  join(
    topics: readonly string[] | null,
    fields: Draft<ConsumerGroupHeartbeatRequest> = {},
    version = 1,
  ): Promise<number> {
    this.owned = new Map();
    const join = { memberEpoch: 0, rebalanceTimeoutMs: REBALANCE, subscribedTopicNames: topics, topicPartitions: [] };
    return this.beat({ ...join, ...fields }, version);
  }

  /** Leaves for good, or for a while: an error code. */
  async leave(memberEpoch = -1): Promise<number> {
    return (await this.send({ memberEpoch })).errorCode;
  }
}

/** Heartbeats of all in turn until `holds`: how soon a coordinator assigns is its own business. */
export async function beatUntil(members: readonly RawMember[], holds: () => boolean): Promise<void> {
  while (!holds()) {
    await sleep(systemClock, PAUSE);
    for (const member of members) {
      const errorCode = await member.beat();
      if (errorCode !== 0) throw new Error(`the heartbeat of ${member.memberId} was answered with ${errorCode}`);
    }
  }
}

/** A consumer of the classic protocol, as raw as {@link RawMember}. It has no leader's part but that of one alone. */
export class RawClassicMember {
  readonly #client: VersionedClient;
  readonly groupId: string;
  readonly #topic: string;
  memberId = "";
  generation = -1;
  owned: readonly TopicPartition[] = [];

  constructor(client: VersionedClient, groupId: string, topic: string) {
    this.#client = client;
    this.groupId = groupId;
    this.#topic = topic;
  }

  get partitions(): readonly number[] {
    return this.owned.flatMap(({ partitions }) => partitions);
  }

  async join(protocolType = "consumer"): Promise<JoinGroupResponse> {
    const metadata = encodeSubscription({ topics: [this.#topic], ownedPartitions: this.owned }, 1);
    const ask = (): Promise<JoinGroupResponse> =>
      this.#client.call(joinGroup, 9, {
        groupId: this.groupId,
        sessionTimeoutMs: CLASSIC_SESSION,
        rebalanceTimeoutMs: REBALANCE,
        memberId: this.memberId,
        protocolType,
        protocols: [{ name: "cooperative-sticky", metadata }],
      });
    let answer = await ask();
    if (answer.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
      this.memberId = answer.memberId;
      answer = await ask();
    }
    if (answer.errorCode === 0) this.generation = answer.generationId;
    return answer;
  }

  /** `all`: what it gives itself where it leads. */
  async sync(all: readonly number[] = []): Promise<SyncGroupResponse> {
    const assignment = encodeAssignment({ assignedPartitions: [{ topic: this.#topic, partitions: all }] });
    const answer = await this.#client.call(syncGroup, 5, {
      groupId: this.groupId,
      memberId: this.memberId,
      generationId: this.generation,
      protocolType: "consumer",
      protocolName: "cooperative-sticky",
      assignments: all.length === 0 ? [] : [{ memberId: this.memberId, assignment }],
    });
    if (answer.errorCode === 0) this.owned = decodeAssignment(answer.assignment).assignedPartitions;
    return answer;
  }

  async beat(): Promise<number> {
    const { groupId, memberId, generation } = this;
    const answer: HeartbeatResponse = await this.#client.call(heartbeat, 4, {
      groupId,
      memberId,
      generationId: generation,
    });
    return answer.errorCode;
  }

  /** One heartbeat, and all that it asks for. */
  async follow(): Promise<void> {
    if ((await this.beat()) === ErrorCode.REBALANCE_IN_PROGRESS) {
      await this.join();
      await this.sync();
    }
  }
}
