import assert from "node:assert/strict";
import { createGroupMember } from "../../src/client/create-group-member.ts";
import type { KafkaError } from "../../src/client/errors.ts";
import type { GroupMember, GroupMemberOptions } from "../../src/client/group-member.ts";
import type { Kafka } from "../../src/client/kafka.ts";
import type { GroupProtocol } from "../../src/client/membership.ts";
import { partitionKey, type TopicPartition } from "../../src/client/topic-partition.ts";
import { type BenchOptions, type ClientBench, startClientBench } from "./client-bench.ts";

/** Milliseconds that members have. */
const SESSION = 10_000;
const REBALANCE = 30_000;

/** A member that writes down what it is told, and what it owns by its own account. */
export interface RecordedMember {
  readonly member: GroupMember;
  readonly log: string[];
  readonly owned: Set<string>;
  readonly troubles: KafkaError[];
  readonly failures: KafkaError[];
  /** How often its name was another's. */
  busy: number;
  /** Where set, partitions are let go only when it settles. */
  release: Promise<void> | undefined;
  /** Where set, each partition is let go when the promise that it gives for it settles. */
  releaseEach?: ((key: string) => Promise<void>) | undefined;
}

/** How a member joins. */
export interface JoinOptions extends Partial<Omit<GroupMemberOptions, "groupId" | "topics">> {
  readonly groupProtocol?: GroupProtocol | undefined;
  readonly topics?: (() => readonly string[]) | undefined;
}

export interface GroupBench extends ClientBench {
  /** Everybody who joined, to be closed in the end. */
  readonly everybody: RecordedMember[];
  join(kafka?: Kafka, options?: JoinOptions): RecordedMember;
  /** Lets time pass until nothing changes hands for some seconds; answers for how long it did. */
  settle(): Promise<number>;
  /** What two members had at once, both with a lease. */
  readonly violations: readonly string[];
}

export async function startGroup(
  t: { after(fn: () => Promise<void>): void },
  options: BenchOptions & Pick<JoinOptions, "groupProtocol"> = {},
): Promise<GroupBench> {
  const bench = await startClientBench(t, options);
  const everybody: RecordedMember[] = [];
  // An assertion that fails in a handler would be taken for the handler's own failure.
  const violations: string[] = [];
  // Whoever has no lease starts nothing, whatever it believes to have (S3.5).
  const took = (taker: RecordedMember): void => {
    if (!taker.member.lease.isValid) return taker.member.lease.onRenewal(() => took(taker));
    for (const other of everybody) {
      if (other === taker || !other.member.lease.isValid) continue;
      for (const key of taker.owned) if (other.owned.has(key)) violations.push(`at ${bench.time.elapsed}: ${key}`);
    }
  };
  const { groupProtocol = "classic" } = options;
  const join = (kafka: Kafka = bench.client(), own: JoinOptions = {}): RecordedMember => {
    const recorded = record(kafka, { groupProtocol, ...own }, took);
    everybody.push(recorded);
    recorded.member.start();
    return recorded;
  };
  const settle = async (): Promise<number> => {
    const start = bench.time.elapsed;
    let last = start;
    for (let seen = ""; bench.time.elapsed - last < 12_000; ) {
      await bench.time.advance(100);
      const now = JSON.stringify(everybody.map(({ log }) => log));
      if (now !== seen) last = bench.time.elapsed;
      seen = now;
    }
    assert.deepEqual(violations, [], "two owners");
    return last - start;
  };
  t.after(async () => {
    await bench.run(Promise.all(everybody.map(({ member }) => member.close())));
  });
  return { ...bench, everybody, join, settle, violations };
}

function record(kafka: Kafka, own: JoinOptions, took: (taker: RecordedMember) => void): RecordedMember {
  const { cluster } = kafka;
  /** Which giving of a partition is the one that counts: what is let go late may have been lost, and be had anew. */
  const given = new Map<string, object>();
  const recorded: Omit<RecordedMember, "member"> = {
    log: [],
    owned: new Set(),
    troubles: [],
    failures: [],
    busy: 0,
    release: undefined,
  };
  const told = (what: string, partitions: readonly TopicPartition[]): string[] => {
    const keys = partitions.map(({ topic, partition }) => partitionKey(topic, partition)).sort();
    recorded.log.push(`${what} ${keys.join(" ")}`);
    return keys;
  };
  const times = { sessionTimeout: SESSION, rebalanceTimeout: REBALANCE };
  const options = { groupId: "g", topics: () => ["t"], ...times, ...own } as GroupMemberOptions;
  const member = createGroupMember(cluster, options, {
    assigned: (partitions) => {
      for (const key of told("assigned", partitions)) {
        recorded.owned.add(key);
        given.set(key, {});
      }
      took(made);
    },
    revoked: async (partitions, release) => {
      const leaving = told("revoked", partitions).map((key) => given.get(key));
      await recorded.release;
      await Promise.all(
        partitions.map(async (partition) => {
          const key = partitionKey(partition.topic, partition.partition);
          await recorded.releaseEach?.(key);
          if (leaving.includes(given.get(key))) recorded.owned.delete(key);
          release(partition);
        }),
      );
    },
    lost: (partitions) => {
      for (const key of told("lost", partitions)) {
        recorded.owned.delete(key);
        given.delete(key);
      }
    },
    instanceIdBusy: () => void recorded.busy++,
    troubled: (error) => void recorded.troubles.push(error),
    failed: (error) => void recorded.failures.push(error),
  });
  const made: RecordedMember = Object.assign(recorded, { member });
  return made;
}
