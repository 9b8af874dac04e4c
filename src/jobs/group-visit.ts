import { createGroupMember } from "../client/create-group-member.ts";
import type { KafkaError } from "../client/errors.ts";
import type { GroupMember } from "../client/group-member.ts";
import { type CommittedOffset, fetchOffsets, type OffsetToCommit } from "../client/group-offsets.ts";
import type { ProducerRecord } from "../client/producer-record.ts";
import { partitionKey, type TopicPartition } from "../client/topic-partition.ts";
import type { TransactionPool } from "../client/transaction-pool.ts";
import { type Clock, sleep } from "../net/clock.ts";
import type { AppState } from "./app-state.ts";
import { saysFinished } from "./commit-metadata.ts";
import { type CommitSource, Committer } from "./committer.ts";
import { DEFAULTS } from "./defaults.ts";
import { type Move, Moves } from "./moves.ts";
import { TOO_LARGE } from "./named-error.ts";

/** A partition that is the visitor's, until it is wanted elsewhere. */
export class VisitedPartition implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  readonly #leave = new AbortController();
  readonly #gone = new AbortController();
  #work: Promise<unknown> = Promise.resolve();

  constructor({ topic, partition }: TopicPartition) {
    this.topic = topic;
    this.partition = partition;
  }

  /** It is wanted elsewhere, or gone: nothing new is to be begun. */
  get leave(): AbortSignal {
    return this.#leave.signal;
  }

  /** It is not the visitor's any more. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Work that the partition is kept for until it ends, unless it is lost. */
  use<T>(work: () => Promise<T>): Promise<T> {
    const used = work();
    this.#work = used.catch(() => {});
    return used;
  }

  /** @internal Resolves once it is not used any more. */
  async release(): Promise<void> {
    this.#leave.abort();
    await this.#work;
    this.#gone.abort();
  }

  /** @internal */
  lose(): void {
    this.#leave.abort();
    this.#gone.abort();
  }
}

/** One step: it counts as a whole or not at all. */
export interface HandMove {
  readonly records: readonly ProducerRecord[];
  readonly commit: OffsetToCommit;
  /** What the commit says is finished, and nothing said before. */
  readonly offsets: readonly number[];
}

/** What no repetition will change. */
const FINAL: ReadonlySet<string> = new Set([
  ...[...TOO_LARGE, "INVALID_RECORD", "UNKNOWN_TOPIC_OR_PARTITION"],
  ...["TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED", "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"],
  ...["OFFSET_METADATA_TOO_LARGE", "UNSUPPORTED_VERSION", "CLOSED"],
]);
/** How long (ms) a move that fails in passing is tried. */
const PATIENCE = 120_000;

/**
 * Membership in a group for a while, to move by hand what is in its partitions: no two members have a partition at once,
 * and what one does that has lost it is refused (KIP-447).
 */
export class GroupVisit {
  readonly #app: AppState;
  readonly #clock: Clock;
  readonly #group: GroupMember;
  readonly #committer: Committer;
  readonly #held = new Map<string, VisitedPartition>();
  readonly #fresh: VisitedPartition[] = [];
  readonly #signal: AbortSignal;
  #failure: KafkaError | undefined;
  #wake: (() => void) | undefined;

  /** It ends early when `signal` aborts: nothing is tried again then. */
  constructor(app: AppState, groupId: string, topics: readonly string[], signal: AbortSignal) {
    const { cluster } = app.slot.use().kafka;
    this.#app = app;
    this.#clock = cluster.clock;
    this.#signal = signal;
    const { sessionTimeout, rebalanceTimeout } = DEFAULTS;
    this.#group = createGroupMember(
      cluster,
      { groupProtocol: "classic", groupId, sessionTimeout, rebalanceTimeout, topics: () => topics },
      {
        assigned: (partitions) => {
          for (const each of partitions) this.#take(each);
          this.#wake?.();
        },
        revoked: async (partitions) => {
          await Promise.all(partitions.map((each) => this.#letGo(each)));
        },
        lost: (partitions) => {
          for (const { topic, partition } of partitions) {
            const key = partitionKey(topic, partition);
            this.#held.get(key)?.lose();
            this.#held.delete(key);
          }
        },
        troubled: (error) => this.#trouble(error, `talking to the coordinator of group ${groupId}`),
        failed: (error) => {
          this.#failure = error;
          this.#wake?.();
        },
      },
    );
    this.#committer = new Committer(this.#group, cluster.clock, 0, () => {});
    this.#group.start();
  }

  #take(partition: TopicPartition): void {
    const visited = new VisitedPartition(partition);
    this.#held.set(partitionKey(partition.topic, partition.partition), visited);
    this.#fresh.push(visited);
  }

  async #letGo({ topic, partition }: TopicPartition): Promise<void> {
    const key = partitionKey(topic, partition);
    const visited = this.#held.get(key);
    if (visited === undefined) return;
    await visited.release();
    if (this.#held.get(key) === visited) this.#held.delete(key);
  }

  /** It is tried again. */
  #trouble(error: KafkaError, during: string, { topic, partition }: Partial<TopicPartition> = {}): void {
    this.#app.events.emit("error", { error, during, topic, partition });
  }

  /** Whether it has any partition now. */
  get hasSome(): boolean {
    return this.#held.size > 0;
  }

  /** The next partition that it was given; undefined where none comes for `ms` milliseconds. Throws where the group refuses it for good. */
  async next(ms: number): Promise<VisitedPartition | undefined> {
    const clock = this.#clock;
    const deadline = clock.monotonic() + ms;
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const fresh = this.#fresh.shift();
      if (fresh !== undefined && !fresh.leave.aborted) return fresh;
      if (fresh !== undefined) continue;
      const left = deadline - clock.monotonic();
      if (left <= 0 || this.#signal.aborted) return undefined;
      const woken = new AbortController();
      const wake = (): void => woken.abort();
      this.#wake = wake;
      this.#signal.addEventListener("abort", wake);
      await sleep(clock, left, woken.signal);
      this.#signal.removeEventListener("abort", wake);
      this.#wake = undefined;
    }
  }

  /** What the group has committed for the partition. No transaction on it is open then. */
  async committed({ topic, partition }: TopicPartition): Promise<CommittedOffset | undefined> {
    const found = await fetchOffsets(this.#group.coordinator, [{ topic, partition }], PATIENCE, this.#signal);
    return found.get(partitionKey(topic, partition));
  }

  /**
   * Moves in one transaction. False: the partition was lost before, or the signal has aborted. Throws what no repetition
   * will change, and what has not passed for two minutes.
   */
  async move(visited: VisitedPartition, move: HandMove): Promise<boolean> {
    const clock = this.#clock;
    const since = clock.monotonic();
    const source = moveSource(visited, move);
    let final: KafkaError | undefined;
    const pool = (): TransactionPool => this.#app.slot.use().transactions;
    const moves = new Moves(this.#group, this.#committer, clock, pool, (error) => {
      if (!FINAL.has(error.code) && clock.monotonic() - since < PATIENCE)
        return this.#trouble(error, "moving a job", visited);
      final = error;
      moves.close();
    });
    const stop = (): void => {
      this.#committer.remove(source);
      moves.close();
    };
    const signals = [this.#signal, visited.gone];
    this.#committer.add(source, undefined);
    for (const signal of signals) signal.addEventListener("abort", stop);
    if (signals.some(({ aborted }) => aborted)) stop();
    try {
      const moved = await moves.move(source, handMove(move), () => move.records);
      if (!moved && final !== undefined) throw final;
      return moved;
    } finally {
      for (const signal of signals) signal.removeEventListener("abort", stop);
      this.#committer.remove(source);
    }
  }

  /** Leaves the group. Nothing of it is under way any more. */
  async close(): Promise<void> {
    for (const visited of [...this.#held.values()]) await this.#letGo(visited);
    this.#committer.close();
    await this.#group.close();
  }
}

function moveSource({ topic, partition }: TopicPartition, { commit }: HandMove): CommitSource {
  return { topic, partition, commitNow: () => commit, commitRefused: () => {} };
}

function handMove({ commit, offsets }: HandMove): Move {
  return {
    commit: () => commit,
    moved: () => {},
    wasMade: (committed) => committed !== undefined && offsets.every((offset) => saysFinished(committed, offset)),
  };
}
