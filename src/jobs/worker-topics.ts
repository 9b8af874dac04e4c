import type { Cluster } from "../client/cluster.ts";
import { TopicSubscription } from "../client/topic-subscription.ts";
import type { AppState } from "./app-state.ts";
import { countPartitions, FIND_TIMEOUT } from "./count-partitions.ts";
import { findDeadLetterTopics } from "./dead-letter-topics.ts";
import { JobError, OverlappingPatternsError } from "./errors.ts";
import { queueSettings } from "./options.ts";
import { checkPartitions } from "./partition-check.ts";
import { patternsOf } from "./queue-patterns.ts";
import type { WorkSettings } from "./work-options.ts";

/** Who is told when the patterns match other topics than before. */
export interface TopicsSink {
  /** These exist no more, which the group has yet to learn. */
  gone(topics: readonly string[]): void;
  /** These are there, or there again. */
  came(topics: readonly string[]): void;
  changed(): void;
}

/**
 * The topics that a worker works on: those of the queues that it names, and those that the app's patterns match. What
 * must not be worked on, since two patterns match it or its partitions are not as many as declared, is refused at the
 * start; where it appears later it is told of, once, and left alone.
 */
export class WorkerTopics {
  readonly #app: AppState;
  readonly #cluster: Cluster;
  readonly #queues: readonly string[];
  readonly #patterns: readonly RegExp[];
  readonly #subscription: TopicSubscription;
  readonly #stop = new AbortController();
  readonly #accepted = new Set<string>();
  readonly #refused = new Map<string, JobError>();
  #known: readonly string[] = [];
  #sink: TopicsSink | undefined;

  constructor(
    app: AppState,
    cluster: Cluster,
    settings: Pick<WorkSettings, "queues" | "patterns" | "patternInterval">,
  ) {
    this.#app = app;
    this.#cluster = cluster;
    this.#queues = settings.queues;
    this.#patterns = settings.patterns ? app.settings.queuePatterns.map(({ match }) => match) : [];
    this.#subscription = new TopicSubscription(
      cluster,
      [...this.#queues, ...this.#patterns],
      settings.patternInterval,
      () => this.#changed(),
      (topic, partitions) => this.#accepts(topic, partitions),
    );
  }

  get topics(): readonly string[] {
    return this.#subscription.topics;
  }

  /**
   * Finds them a first time, and follows the patterns until `close`. Rejects with a named error for the first queue whose
   * topic is missing or not as it was declared.
   */
  async find(): Promise<void> {
    const { signal } = this.#stop;
    for (const queue of this.#queues) {
      const partitions = await countPartitions(this.#cluster, queue, signal);
      checkPartitions(queueSettings(this.#app.settings, queue), partitions);
    }
    if (this.#patterns.length > 0) await this.#subscription.find(FIND_TIMEOUT, signal);
    for (const error of this.#refused.values()) throw error;
    this.#known = this.topics;
  }

  /** From now on changes are told, and what is refused is an event. */
  tell(sink: TopicsSink): void {
    this.#sink = sink;
  }

  #accepts(topic: string, partitions: number): boolean {
    if (this.#queues.includes(topic) || this.#accepted.has(topic)) return true;
    try {
      const { settings } = this.#app;
      if (patternsOf(settings, topic).length === 0) return false;
      checkPartitions(queueSettings(settings, topic), partitions);
      this.#accepted.add(topic);
      this.#refused.delete(topic);
      return true;
    } catch (error) {
      if (!(error instanceof JobError)) throw error;
      this.#refuse(topic, error);
      return false;
    }
  }

  #refuse(topic: string, error: JobError): void {
    if (this.#refused.has(topic)) return;
    this.#refused.set(topic, error);
    if (this.#sink === undefined) return;
    const during = error instanceof OverlappingPatternsError ? "matching queue patterns" : "taking up a topic";
    this.#app.events.emit("error", { error, during, topic });
  }

  #changed(): void {
    const now = new Set(this.topics);
    const before = new Set(this.#known);
    const gone = this.#known.filter((topic) => !now.has(topic));
    const came = this.topics.filter((topic) => !before.has(topic));
    this.#known = this.topics;
    for (const topic of gone) this.#accepted.delete(topic);
    if (gone.length > 0) this.#sink?.gone(gone);
    if (came.length > 0) this.#sink?.came(came);
    this.#sink?.changed();
    for (const topic of came) void this.#checkDeadLetters(topic);
  }

  /** It is worked on all the same: only what fails for good there has nowhere to go. */
  async #checkDeadLetters(topic: string): Promise<void> {
    const { signal } = this.#stop;
    try {
      await findDeadLetterTopics(this.#app, this.#cluster, [topic], signal);
    } catch (error) {
      if (!signal.aborted) this.#app.events.emit("error", { error, during: "taking up a topic", topic });
    }
  }

  /**
   * Calls `tell` of trouble with a topic, unless it is one that patterns match and turns out to be gone: it is looked for
   * at once, and let go.
   */
  unlessGone(topic: string, tell: () => void): void {
    if (this.#queues.includes(topic)) return tell();
    void this.#look().then(() => {
      if (this.topics.includes(topic)) tell();
    });
  }

  async #look(): Promise<void> {
    try {
      await this.#subscription.look(this.#stop.signal);
    } catch {
      // Whoever asks in vain is told by whatever else it asks.
    }
  }

  /** Whether the worker works on the queue, or would if its topic were there. */
  has(queue: string): boolean {
    if (this.#queues.includes(queue)) return true;
    return this.#patterns.length > 0 && patternsOf(this.#app.settings, queue).length === 1;
  }

  close(): void {
    this.#stop.abort();
  }
}
