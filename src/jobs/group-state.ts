import { KafkaError } from "../client/errors.ts";
import type { FetchedBatch, Fetcher } from "../client/fetcher.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import { sleep, whenSettled } from "../net/clock.ts";
import type { AppState } from "./app-state.ts";
import { type LoadedState, StateReader } from "./state-reader.ts";
import { findStateTopic, isForbidden, prepareStateTopic, stateTopic } from "./state-topic.ts";
import type { TopicReader } from "./topic-reader.ts";

/** Milliseconds before brokers are asked again that could not say. */
const RETRY = 1_000;

/** A group's state topic as a worker has it: there, or to be made by the first job that needs it. */
export class GroupState implements TopicReader {
  readonly #app: AppState;
  readonly topic: string;
  readonly #fetcher: () => Fetcher;
  readonly #stop = new AbortController();
  #reader: StateReader | undefined;
  /** Asked for together, and not asked yet. */
  #finding: Promise<StateReader | undefined> | undefined;
  #preparing: Promise<void> | undefined;
  #isPrepared = false;

  /** `partitions`: of the topic, where it is known to be there. */
  constructor(app: AppState, group: string, partitions: number | undefined, fetcher: () => Fetcher) {
    this.#app = app;
    this.topic = stateTopic(group);
    this.#fetcher = fetcher;
    if (partitions !== undefined) this.#found(partitions);
  }

  /** Undefined: there was no such topic when it was last looked for. */
  get reader(): StateReader | undefined {
    return this.#reader;
  }

  /**
   * What is kept for the partition; undefined: there is no such topic. Both as they are after this was called. Rejects
   * only where the worker is closed.
   */
  async load(partition: TopicPartition): Promise<LoadedState | undefined> {
    const reader = this.#reader ?? (await this.#find());
    return reader?.load(partition);
  }

  #find(): Promise<StateReader | undefined> {
    const { clock } = this.#app.slot.use();
    this.#finding ??= new Promise<void>((resolve) => clock.soon(resolve)).then(() => {
      this.#finding = undefined;
      return this.#look();
    });
    return this.#finding;
  }

  async #look(): Promise<StateReader | undefined> {
    return this.#untilClosed(
      "looking for the group's state",
      () => true,
      async () => {
        try {
          const partitions = await findStateTopic(this.#app, this.topic);
          return partitions === undefined ? undefined : this.#found(partitions);
        } catch (error) {
          // Who may not even look has none: it would be told so before the first time that it needs one.
          if (isForbidden(error)) return undefined;
          throw error;
        }
      },
    );
  }

  #found(partitions: number): StateReader {
    this.#reader ??= new StateReader(this.#app, this.topic, partitions, this.#fetcher);
    return this.#reader;
  }

  /**
   * Sees to it that something can be kept, and that every broker knows of the topic: so no later owner of a partition is
   * told that there is none. Undefined: so it is. Rejects with a `StateTopicError` where it cannot be.
   */
  prepare(): Promise<void> | undefined {
    if (this.#isPrepared) return undefined;
    this.#preparing ??= whenSettled(this.#prepare(), () => {
      this.#preparing = undefined;
    });
    return this.#preparing;
  }

  async #prepare(): Promise<void> {
    await this.#untilClosed("preparing the group's state", mayPass, async () => {
      this.#found(await prepareStateTopic(this.#app, this.topic));
      await this.#app.slot.use().kafka.admin().awaitTopic(this.topic);
    });
    this.#isPrepared = true;
  }

  /** What fails and is worth it is told of, and done again. */
  async #untilClosed<T>(during: string, isWorthIt: (error: unknown) => boolean, work: () => Promise<T>): Promise<T> {
    const { signal } = this.#stop;
    for (;;) {
      signal.throwIfAborted();
      try {
        return await work();
      } catch (error) {
        if (signal.aborted || !isWorthIt(error)) throw error;
        this.#app.events.emit("error", { error, during, topic: this.topic });
        await sleep(this.#app.slot.use().clock, RETRY, signal);
      }
    }
  }

  isOne(topic: string): boolean {
    return topic === this.topic;
  }
  take(batch: FetchedBatch): void {
    this.#reader?.take(batch);
  }
  outOfRange(place: TopicPartition): void {
    this.#reader?.outOfRange(place);
  }
  failed(place: TopicPartition, error: KafkaError): void {
    this.#reader?.failed(place, error);
  }

  close(): void {
    this.#stop.abort();
    this.#reader?.close();
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof KafkaError && error.retriable;
}
