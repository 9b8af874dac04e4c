import assert from "node:assert/strict";
import { ErrorCode } from "../../protocol/errors.ts";
import type { ConsumerGroupHeartbeatRequest } from "../../protocol/messages/68-consumer-group-heartbeat.ts";
import type { GroupTopic, GroupTopics } from "../../src/broker/consumer-group-subscriptions.ts";
import { Group } from "../../src/broker/group.ts";
import { GroupError } from "../../src/broker/group-error.ts";
import type { GroupKeeper } from "../../src/broker/group-store.ts";
import { type GroupSettings, groupDefaults } from "../../src/broker/groups.ts";
import type { JournalValue } from "../../src/broker/journal-value.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

export const SESSION: number = groupDefaults.consumerSessionTimeoutMs;
export const REBALANCE = 30_000;

/** Topics that a test makes, deletes and grows. A topic's id is `id of <name>`, and `id of <name> again` the next time. */
export class BenchTopics implements GroupTopics {
  readonly #topics = new Map<string, { name: string; id: string; partitions: { length: number } }>();
  version = 0;

  add(name: string, partitions: number, id: string = `id of ${name}`): void {
    this.#topics.set(name, { name, id, partitions: { length: partitions } });
    this.version += 1;
  }
  delete(name: string): void {
    this.#topics.delete(name);
    this.version += 1;
  }
  grow(name: string, partitions: number): void {
    this.#topics.get(name)!.partitions.length = partitions;
    this.version += 1;
  }
  all(): Iterable<GroupTopic> {
    return this.#topics.values();
  }
  named(name: string): GroupTopic | undefined {
    return this.#topics.get(name);
  }
  byId(id: string): GroupTopic | undefined {
    return [...this.#topics.values()].find((topic) => topic.id === id);
  }
}

/** A member as a client keeps it: it believes what it is told, and has given up at once what it is told to. */
export class BenchMember {
  readonly #group: () => Group;
  readonly memberId: string;
  readonly instanceId: string | null;
  epoch = 0;
  /** "topic id/partition". */
  owned: Set<string> = new Set();
  /** What the last answer told it to have, before it acts on that. */
  told: Set<string> | undefined;

  constructor(group: () => Group, memberId: string, instanceId: string | null = null) {
    this.#group = group;
    this.memberId = memberId;
    this.instanceId = instanceId;
  }

  /** Sends a heartbeat and acts on its answer: a Kafka error code. */
  beat(fields: Partial<ConsumerGroupHeartbeatRequest> = {}): number {
    const code = this.ask(fields);
    if (code === 0) this.obey();
    return code;
  }

  /** Joins, and is told what to have. */
  join(topics: readonly string[] = ["t"], fields: Partial<ConsumerGroupHeartbeatRequest> = {}): number {
    this.epoch = 0;
    this.owned = new Set();
    return this.beat({
      memberEpoch: 0,
      rebalanceTimeoutMs: REBALANCE,
      subscribedTopicNames: topics,
      topicPartitions: [],
      ...fields,
    });
  }

  /** Leaves for good; -2: for a while. */
  leave(epoch = -1): number {
    return this.ask({ memberEpoch: epoch });
  }

  /** Sends a heartbeat and leaves what it has as it is. */
  ask(fields: Partial<ConsumerGroupHeartbeatRequest> = {}): number {
    try {
      const answer = this.#group().consumerHeartbeat(this.#request(fields), "bench");
      this.epoch = answer.memberEpoch!;
      const list = answer.assignment?.topicPartitions;
      if (list !== undefined) {
        this.told = new Set(list.flatMap((one) => one.partitions!.map((partition) => `${one.topicId}/${partition}`)));
      }
      return 0;
    } catch (error) {
      if (!(error instanceof GroupError)) throw error;
      return error.errorCode;
    }
  }

  /** Has what it was told to have, and nothing else. */
  obey(): void {
    if (this.told !== undefined) this.owned = this.told;
    this.told = undefined;
  }

  #request(fields: Partial<ConsumerGroupHeartbeatRequest>): ConsumerGroupHeartbeatRequest {
    return {
      groupId: "g",
      memberId: this.memberId,
      memberEpoch: this.epoch,
      instanceId: this.instanceId,
      rackId: null,
      rebalanceTimeoutMs: -1,
      subscribedTopicNames: null,
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: this.ownedTopics(),
      ...fields,
    };
  }

  /** As heartbeats carry it. */
  ownedTopics(): { topicId: string; partitions: number[] }[] {
    const topics = new Map<string, number[]>();
    for (const key of this.owned) {
      const at = key.lastIndexOf("/");
      const topicId = key.slice(0, at);
      topics.set(topicId, [...(topics.get(topicId) ?? []), Number(key.slice(at + 1))]);
    }
    return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }));
  }
}

export interface ConsumerBench {
  readonly time: VirtualClock;
  readonly topics: BenchTopics;
  readonly group: Group;
  member(memberId: string, instanceId?: string): BenchMember;
  /** The process dies, and the next one has what was kept. */
  restart(): void;
  /** Heartbeats of all of them in turn until nothing changes. */
  settle(...members: readonly BenchMember[]): void;
}

/** Keeps the members alone. */
function keeperOf(members: JournalValue | undefined, keep: (members: JournalValue | undefined) => void): GroupKeeper {
  return {
    offsets: [],
    members,
    offsetChange: () => ["offset", undefined],
    membersChange: (value) => ["members", value],
    write: (changes) => {
      for (const [key, value] of changes) if (key === "members") keep(value);
    },
  };
}

/** A group with a topic `t` of four partitions. */
export function consumerBench(settings: Partial<GroupSettings> = {}): ConsumerBench {
  const time = new VirtualClock();
  const topics = new BenchTopics();
  topics.add("t", 4);
  const host = { clock: time.instance(), settings: { ...groupDefaults, ...settings }, topics };
  let kept: JournalValue | undefined;
  const start = (): Group =>
    new Group(
      "g",
      host,
      keeperOf(kept, (value) => (kept = structuredClone(value))),
    );
  let group = start();
  return {
    time,
    topics,
    get group() {
      return group;
    },
    member: (memberId, instanceId) => new BenchMember(() => group, memberId, instanceId ?? null),
    restart() {
      group.unload(ErrorCode.COORDINATOR_NOT_AVAILABLE);
      group = start();
      group.load();
    },
    settle(...members) {
      for (let round = 0; round < 10; round++) for (const member of members) assert.equal(member.beat(), 0);
    },
  };
}
