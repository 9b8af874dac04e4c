import type { HeartbeatTopicPartitions } from "../../protocol/messages/68-consumer-group-heartbeat.ts";
import { sleep } from "../net/clock.ts";
import { backoffDelay } from "./backoff.ts";
import type { Cluster } from "./cluster.ts";
import type { AssignedPartition } from "./owned-partitions.ts";

/**
 * What the broker wants a member to have. It names topics by id; those that this client does not know yet are asked for
 * until it does, and until then their partitions are neither taken nor acknowledged, so that nobody else gets them.
 */
export class TargetAssignment {
  readonly #cluster: Cluster;
  readonly #topics: () => readonly string[];
  readonly #signal: AbortSignal;
  readonly #accept: (assigned: readonly AssignedPartition[]) => void;
  #target: readonly HeartbeatTopicPartitions[] | undefined;
  /** By id. What was known once stays known: a topic that is deleted is let go when the broker says so. */
  #names: ReadonlyMap<string, string> = new Map();
  #isAsking = false;

  constructor(
    cluster: Cluster,
    topics: () => readonly string[],
    signal: AbortSignal,
    accept: (assigned: readonly AssignedPartition[]) => void,
  ) {
    this.#cluster = cluster;
    this.#topics = topics;
    this.#signal = signal;
    this.#accept = accept;
  }

  set(target: readonly HeartbeatTopicPartitions[]): void {
    this.#target = target;
    if (!this.#resolve() && !this.#isAsking) void this.#ask();
  }

  clear(): void {
    this.#target = undefined;
  }

  /** Gives on what is known of the target; answers whether that is all of it. */
  #resolve(): boolean {
    if (this.#target === undefined) return true;
    const names = new Map<string, string>();
    const assigned: AssignedPartition[] = [];
    for (const { topicId, partitions } of this.#target) {
      const topic = this.#names.get(topicId) ?? this.#cluster.metadata.topicName(topicId);
      if (topic === undefined) continue;
      names.set(topicId, topic);
      for (const partition of partitions) assigned.push({ topic, partition, topicId });
    }
    this.#names = names;
    const isWhole = names.size === this.#target.length;
    this.#accept(assigned);
    return isWhole;
  }

  async #ask(): Promise<void> {
    const { clock, options } = this.#cluster;
    this.#isAsking = true;
    for (let failures = 1; !this.#signal.aborted; failures++) {
      await this.#cluster.refresh(this.#topics()).catch(() => {});
      if (this.#signal.aborted || this.#resolve()) break;
      await sleep(clock, backoffDelay(options.retryBackoff, failures, clock), this.#signal);
    }
    this.#isAsking = false;
  }
}
