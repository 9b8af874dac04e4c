import assert from "node:assert/strict";
import { createGroupMember } from "../../src/client/create-group-member.ts";
import type { GroupMember, GroupMemberOptions } from "../../src/client/group-member.ts";
import type { GroupProtocol } from "../../src/client/membership.ts";
import type { Kafka, KafkaError, TopicPartition } from "../../src/client/mod.ts";
import { partitionKey } from "../../src/client/topic-partition.ts";
import type { TestCluster } from "./target.ts";

export interface GroupEvent {
  readonly member: string;
  readonly what: "assigned" | "revoked" | "released" | "lost" | "failed" | "busy";
  readonly partitions: readonly string[];
  readonly error?: KafkaError;
}

/** What the members of one group are told, in the order in which they are told it. */
export class GroupLog {
  readonly events: GroupEvent[] = [];
  readonly #owners = new Map<string, Set<string>>();
  #waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = [];

  add(event: GroupEvent): void {
    this.events.push(event);
    const owned = this.owned(event.member);
    for (const partition of event.partitions) {
      if (event.what === "assigned") {
        for (const [member, others] of this.#owners) {
          assert.ok(!others.has(partition), `${event.member} got ${partition} while ${member} had it`);
        }
        owned.add(partition);
      } else if (event.what !== "revoked" && event.what !== "busy") owned.delete(partition);
    }
    this.#look();
  }

  #look(): void {
    const [met, rest] = [this.#waiting.filter(({ holds }) => holds()), this.#waiting.filter(({ holds }) => !holds())];
    this.#waiting = rest;
    for (const { resolve } of met) resolve();
  }

  /** What the member owns, by what it was told. */
  owned(member: string): Set<string> {
    let owned = this.#owners.get(member);
    if (owned === undefined) {
      owned = new Set();
      this.#owners.set(member, owned);
    }
    return owned;
  }

  /** The member is gone without having been told anything. */
  forget(member: string): void {
    this.#owners.delete(member);
  }

  /** Resolves once `holds` after some event. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ holds, resolve });
      this.#look();
    });
  }

  /** Resolves once the members own this many partitions each, in any order. */
  shares(...counts: readonly number[]): Promise<void> {
    const wanted = [...counts].sort().join();
    return this.until(
      () =>
        [...this.#owners.values()]
          .map((owned) => owned.size)
          .sort()
          .join() === wanted,
    );
  }

  /** All that `member` was ever told to give up or had taken. */
  leftBy(member: string): string[] {
    return this.events
      .filter((event) => event.member === member && event.what !== "assigned")
      .flatMap(({ partitions }) => partitions);
  }
}

export interface TestMember {
  readonly name: string;
  readonly group: GroupMember;
}

export interface MemberOptions extends Partial<Omit<GroupMemberOptions, "groupId" | "topics">> {
  readonly kafka?: Kafka;
  /** Default "classic"; undefined, said so: as the broker has it. */
  readonly groupProtocol?: GroupProtocol | undefined;
  /** Resolves when the member may let go of what was revoked. Default: at once. */
  readonly letGo?: (partitions: readonly TopicPartition[]) => Promise<void>;
}

/** A member of `groupId` that writes what it is told to `log`. */
export async function startMember(
  cluster: TestCluster,
  log: GroupLog,
  name: string,
  groupId: string,
  topics: readonly string[],
  options: MemberOptions = {},
): Promise<TestMember> {
  const { kafka = cluster.otherKafka(), letGo = () => Promise.resolve(), ...own } = options;
  for (const topic of topics) await kafka.cluster.topic(topic, 10_000);
  const tell = (what: GroupEvent["what"], partitions: readonly TopicPartition[], error?: KafkaError): void => {
    const keys = partitions.map(({ topic, partition }) => partitionKey(topic, partition));
    log.add({ member: name, what, partitions: keys, ...(error === undefined ? {} : { error }) });
  };
  const group = createGroupMember(
    kafka.cluster,
    {
      ...{ groupProtocol: "classic", sessionTimeout: cluster.sessionTimeout, rebalanceTimeout: 30_000, ...own },
      ...{ groupId, topics: () => topics },
    },
    {
      assigned: (partitions) => tell("assigned", partitions),
      revoked: async (partitions) => {
        tell("revoked", partitions);
        await letGo(partitions);
        tell("released", partitions);
      },
      lost: (partitions) => tell("lost", partitions),
      instanceIdBusy: (error) => tell("busy", [], error),
      troubled: () => {},
      failed: (error) => tell("failed", [], error),
    },
  );
  cluster.onClose(() => group.close());
  group.start();
  return { name, group };
}
