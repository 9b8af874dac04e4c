import type { Clock } from "../net/clock.ts";
import { asKafkaError, KafkaError, ProtocolError } from "./errors.ts";
import type { GroupMember } from "./group-member.ts";
import { commitOffsets, MEMBERSHIP_MOVED, type OffsetToCommit, overtaken } from "./group-offsets.ts";
import { partitionKey, type TopicPartition } from "./topic-partition.ts";

/** Who commits: a member of a group, or somebody who assigned partitions to itself. */
export type Committer = Pick<GroupMember, "coordinator" | "membership" | "owns" | "refused">;

/** What is to be committed of one partition, and who waits for it. */
interface Entry {
  offset: OffsetToCommit;
  /** Its partition has gone since: if it has come back, others may have got further meanwhile. */
  isVoid: boolean;
  readonly done: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: KafkaError) => void;
}

/** How long (ms) a commit is repeated. */
const TIMEOUT = 30_000;

/**
 * Commits offsets: at most one commit of a partition is unresolved at a time, those of several partitions that are asked
 * for at once go in one request, and of several for one partition that wait the last counts for all.
 */
export class CommitQueue {
  readonly #clock: Clock;
  readonly #committer: Committer;
  readonly #waiting = new Map<string, Entry>();
  readonly #sent = new Map<string, Entry>();
  readonly #giveUp = new AbortController();
  #isScheduled = false;

  constructor(clock: Clock, committer: Committer) {
    this.#clock = clock;
    this.#committer = committer;
  }

  /** Resolves once all are committed; rejects with the first failure, when all have their outcome. */
  async commit(offsets: readonly OffsetToCommit[]): Promise<void> {
    const asked = offsets.map((offset) => this.#enter(offset));
    this.#schedule();
    const outcomes = await Promise.allSettled(asked);
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }

  #enter(offset: OffsetToCommit): Promise<void> {
    const key = partitionKey(offset.topic, offset.partition);
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) {
      waiting.offset = offset;
      return waiting.done;
    }
    let resolve!: () => void;
    let reject!: (error: KafkaError) => void;
    const done = new Promise<void>((give, fail) => {
      resolve = give;
      reject = fail;
    });
    this.#waiting.set(key, { offset, isVoid: false, done, resolve, reject });
    return done;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.soon(() => {
      this.#isScheduled = false;
      this.#send();
    });
  }

  #send(): void {
    const entries = new Map([...this.#waiting].filter(([key]) => !this.#sent.has(key)));
    if (entries.size === 0) return;
    for (const [key, entry] of entries) {
      this.#waiting.delete(key);
      this.#sent.set(key, entry);
    }
    void this.#commit(entries);
  }

  async #commit(entries: Map<string, Entry>): Promise<void> {
    try {
      const { coordinator } = this.#committer;
      await coordinator.retry("offsets", TIMEOUT, this.#giveUp.signal, () => this.#attempt(entries));
    } catch (error) {
      for (const [key, entry] of entries) this.#settle(entries, key, () => entry.reject(asKafkaError(error, "commit")));
    }
  }

  #settle(entries: Map<string, Entry>, key: string, tell: () => void): void {
    entries.delete(key);
    this.#sent.delete(key);
    tell();
    this.#schedule();
  }

  /** Sends what has no outcome yet; throws where some of it may be sent again. */
  async #attempt(entries: Map<string, Entry>): Promise<void> {
    const { coordinator, membership, owns } = this.#committer;
    for (const [key, entry] of entries) {
      const { topic, partition } = entry.offset;
      if (entry.isVoid || !owns.call(this.#committer, topic, partition))
        this.#settle(entries, key, () => entry.reject(notOwned(topic, partition)));
    }
    if (entries.size === 0) return;
    const codes = await commitOffsets(
      coordinator,
      membership,
      Array.from(entries.values(), ({ offset }) => offset),
    );
    let again: KafkaError | undefined;
    for (const [key, entry] of [...entries]) {
      const errorCode = codes.get(key)!;
      this.#committer.refused(errorCode, membership.generationId);
      if (errorCode === 0) {
        this.#settle(entries, key, entry.resolve);
        continue;
      }
      const { topic, partition } = entry.offset;
      const error = new ProtocolError(errorCode, `commit of ${topic}/${partition}`, { topic, partition });
      if (MEMBERSHIP_MOVED.has(errorCode)) again ??= overtaken(error);
      else if (error.retriable) again ??= error;
      else this.#settle(entries, key, () => entry.reject(error));
    }
    if (again !== undefined) throw again;
  }

  /** These partitions have gone: of what has no answer yet nothing is sent any more, though they may come back. */
  disown(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      const key = partitionKey(topic, partition);
      const sent = this.#sent.get(key);
      if (sent !== undefined) sent.isVoid = true;
      this.#waiting.get(key)?.reject(notOwned(topic, partition));
      this.#waiting.delete(key);
    }
  }

  /** Resolves once everything that was asked for has its outcome. */
  async settled(): Promise<void> {
    while (this.#waiting.size + this.#sent.size > 0) {
      await Promise.allSettled([...this.#waiting.values(), ...this.#sent.values()].map(({ done }) => done));
    }
  }

  /** Repeats nothing any more. */
  close(): void {
    this.#giveUp.abort();
  }
}

/** A commit that comes too late. */
export function notOwned(topic: string, partition: number): KafkaError {
  const message = `${topic}/${partition} is no longer this consumer's: another member may have it`;
  return new KafkaError("NOT_OWNED", message, false, { topic, partition });
}
