import { ErrorCode } from "../../protocol/errors.ts";
import { metadata as metadataApi } from "../../protocol/messages/03-metadata.ts";
import { sleep, whenSettled } from "../net/clock.ts";
import { backoffDelay } from "./backoff.ts";
import type { Cluster } from "./cluster.ts";
import { refuse } from "./coordinator.ts";
import { asKafkaError } from "./errors.ts";
import { topicPattern } from "./topic-pattern.ts";

/** A topic that one broker does not list for a moment must not be taken from its owners: it is looked for again (ms). */
const MISSING_GRACE = 1_000;

/**
 * The topics that names and patterns stand for. Patterns are JavaScript's, looked for anywhere in a name, and matched
 * here, under both group protocols; Kafka's internal topics never match. What they match follows the cluster: all its
 * topics are listed again every `maxAge` ms.
 */
export class TopicSubscription {
  readonly #cluster: Cluster;
  readonly #named: readonly string[];
  readonly #patterns: readonly ((name: string) => boolean)[];
  readonly #maxAge: number;
  readonly #changed: () => void;
  readonly #accepts: (topic: string, partitions: number) => boolean;
  #looking: Promise<void> | undefined;
  #matched: readonly string[] = [];
  #topics: readonly string[];

  /**
   * `changed` is called whenever patterns match other topics than before. `accepts` has the last word on what they match,
   * at each look.
   */
  constructor(
    cluster: Cluster,
    topics: readonly (string | RegExp)[],
    maxAge: number,
    changed: () => void,
    accepts: (topic: string, partitions: number) => boolean = () => true,
  ) {
    this.#cluster = cluster;
    this.#named = topics.filter((topic) => typeof topic === "string");
    this.#patterns = topics.filter((topic) => typeof topic !== "string").map(topicPattern);
    this.#maxAge = maxAge;
    this.#changed = changed;
    this.#accepts = accepts;
    this.#topics = [...new Set(this.#named)];
  }

  /** The topics now: those named, and those that patterns match. */
  get topics(): readonly string[] {
    return this.#topics;
  }

  /**
   * Looks for the topics a first time, and follows the patterns until `signal` aborts. Rejects where a topic that is
   * named is missing, and with the last failure after `timeout` ms. A pattern that matches nothing yet is no error.
   */
  async find(timeout: number, signal: AbortSignal): Promise<void> {
    await Promise.all([
      ...this.#named.map((topic) => this.#cluster.topic(topic, timeout, signal)),
      ...(this.#patterns.length > 0 ? [this.#findMatches(timeout, signal)] : []),
    ]);
    if (this.#patterns.length > 0) void this.#follow(signal);
  }

  async #findMatches(timeout: number, signal: AbortSignal): Promise<void> {
    const { clock, options } = this.#cluster;
    const deadline = clock.monotonic() + timeout;
    for (let failures = 1; ; failures++) {
      try {
        return this.#take(await this.#match());
      } catch (error) {
        const wait = backoffDelay(options.retryBackoff, failures, clock);
        if (!asKafkaError(error).retriable || clock.monotonic() + wait >= deadline || signal.aborted) throw error;
        await sleep(clock, wait, signal);
        if (signal.aborted) throw error;
      }
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { clock, options } = this.#cluster;
    for (let failures = 0; ; ) {
      const wait = failures === 0 ? this.#maxAge : backoffDelay(options.retryBackoff, failures, clock);
      await sleep(clock, wait, signal);
      if (signal.aborted) return;
      try {
        await this.look(signal);
        failures = 0;
      } catch {
        // What was matched stays until somebody answers: whoever reads those topics learns of the same trouble.
        failures++;
      }
    }
  }

  /** Looks for what patterns match now, as is done every `maxAge` ms. Rejects where no broker says. */
  look(signal: AbortSignal): Promise<void> {
    this.#looking ??= whenSettled(this.#look(signal), () => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(signal: AbortSignal): Promise<void> {
    let found = await this.#match();
    if (this.#matched.some((topic) => !found.has(topic))) {
      await sleep(this.#cluster.clock, MISSING_GRACE, signal);
      if (signal.aborted) return;
      found = new Set([...found, ...(await this.#match())]);
    }
    if (signal.aborted) return;
    const gone = this.#matched.filter((topic) => !found.has(topic));
    if (gone.length === 0 && found.size === this.#matched.length) return;
    this.#take(found);
    this.#changed();
    for (const topic of gone) if (!this.#named.includes(topic)) this.#cluster.forget(topic);
  }

  #take(found: ReadonlySet<string>): void {
    this.#matched = [...found].sort();
    this.#topics = [...new Set([...this.#named, ...this.#matched])];
  }

  async #match(): Promise<Set<string>> {
    const connection = await this.#cluster.any("general");
    const response = await connection.send(metadataApi, { topics: null, allowAutoTopicCreation: false });
    refuse(response.errorCode, "list of topics", connection.broker);
    const found = response.topics
      .filter(({ isInternal, errorCode }) => !isInternal && errorCode !== ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
      .map(({ name, partitions }) => ({ name: name ?? "", partitions: partitions.length }))
      .filter(({ name }) => this.#patterns.some((matches) => matches(name)))
      .filter(({ name, partitions }) => this.#accepts(name, partitions));
    return new Set(found.map(({ name }) => name));
  }
}
