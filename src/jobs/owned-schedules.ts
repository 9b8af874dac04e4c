import type { KafkaError } from "../client/errors.ts";
import type { FetchedBatch } from "../client/fetcher.ts";
import { partitionKey } from "../client/topic-partition.ts";
import { within } from "../client/within.ts";
import type { TopicPartition } from "./events.ts";
import { LoadTurns } from "./load-turns.ts";
import { type ScheduleContext, SchedulePartition, type ScheduleState } from "./schedule-partition.ts";
import type { TopicReader } from "./topic-reader.ts";

/** What a worker is doing with one schedule partition. */
export interface ScheduleStatus extends TopicPartition {
  /** "stopped": something a person has to look at. */
  readonly state: ScheduleState;
  /** Entries that wait. */
  readonly entries: number;
  /** Bytes of entries that are kept ready, since they are due soon. */
  readonly bufferedBytes: number;
  /** When the next one is due. Undefined: none waits. */
  readonly nextDueAt: Date | undefined;
  /** Partitions that do not take what is due for them: it is tried again and again, and the others go on. */
  readonly apart: readonly TopicPartition[];
}

/** Bytes of records that all of them together may keep ready, and what each may in any case. */
const ROOM = 32 * 1024 * 1024;
/** Partitions that are read at once when several are loaded. */
const LOADS = 2;
const LEAST_ROOM = 1024 * 1024;

/** The schedule partitions that this worker owns: from assignment through release or loss. */
export class OwnedSchedules implements TopicReader {
  readonly #context: ScheduleContext;
  readonly #topics: ReadonlySet<string>;
  readonly #partitions = new Map<string, SchedulePartition>();
  #isClosed = false;

  constructor(context: Omit<ScheduleContext, "room" | "turns">, topics: readonly string[]) {
    this.#topics = new Set(topics);
    const room = (): number => Math.max(LEAST_ROOM, ROOM / Math.max(1, this.#partitions.size));
    this.#context = { ...context, room, turns: new LoadTurns(context.runtime.clock, LOADS) };
  }

  /** Topics that the worker wants partitions of. */
  get topics(): readonly string[] {
    return [...this.#topics];
  }

  /** Whether a topic is one of these. */
  isOne(topic: string): boolean {
    return this.#topics.has(topic);
  }

  [Symbol.iterator](): IterableIterator<SchedulePartition> {
    return this.#partitions.values();
  }

  get status(): ScheduleStatus[] {
    return [...this].map(({ topic, partition, state, entries, bufferedBytes, nextDueAt, apart }) => {
      return { topic, partition, state, entries, bufferedBytes, nextDueAt: toDate(nextDueAt), apart };
    });
  }

  assign(partitions: readonly TopicPartition[]): void {
    if (this.#isClosed) return;
    for (const place of partitions) this.#partitions.set(keyOf(place), new SchedulePartition(this.#context, place));
  }

  /**
   * Gives partitions up in good order, each as soon as nothing of it is on its way, or after `grace` ms: then the next
   * owner's word counts on what is.
   */
  async release(
    partitions: readonly TopicPartition[],
    grace: number,
    released: (partition: TopicPartition) => void = () => {},
  ): Promise<void> {
    const { clock } = this.#context.runtime;
    await Promise.all(
      partitions.map(async (place) => {
        const owned = this.#partitions.get(keyOf(place));
        if (owned === undefined) return;
        await within(clock, grace, owned.release(), () => {});
        if (this.#partitions.get(keyOf(place)) === owned) this.#partitions.delete(keyOf(place));
        released(place);
      }),
    );
  }

  /** Whatever is on its way is refused, once another has taken over. */
  lose(partitions: readonly TopicPartition[]): void {
    for (const place of partitions) {
      void this.#partitions.get(keyOf(place))?.release();
      this.#partitions.delete(keyOf(place));
    }
  }

  take(batch: FetchedBatch): void {
    this.#partitions.get(keyOf(batch))?.take(batch);
  }

  /** The log is not what was read of it: it is loaded again. */
  outOfRange(place: TopicPartition): void {
    this.#partitions.get(keyOf(place))?.stale();
  }

  failed(place: TopicPartition, error: KafkaError): void {
    this.#context.app.events.emit("error", { error, during: "following a schedule topic", ...place });
    this.outOfRange(place);
  }

  topicMadeAgain(topic: string): void {
    for (const owned of this) if (owned.topic === topic) owned.stale();
  }

  /** Takes no more partitions. */
  close(): void {
    this.#isClosed = true;
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return partitionKey(topic, partition);
}

function toDate(ms: number | undefined): Date | undefined {
  return ms === undefined ? undefined : new Date(ms);
}
