import { type ConsumerMember, subscriptionKey } from "./consumer-group-member.ts";
import { compileTopicPattern } from "./topic-pattern.ts";

/** What a group has to know of the cluster's topics. */
export interface GroupTopics {
  /** Rises whenever a topic is made, deleted or grown. */
  readonly version: number;
  /** All topics. */
  all(): Iterable<GroupTopic>;
  named(name: string): GroupTopic | undefined;
  byId(id: string): GroupTopic | undefined;
}

export interface GroupTopic {
  readonly name: string;
  readonly id: string;
  readonly partitions: { readonly length: number };
}

/** What members want: all that want the same share one. */
interface Subscription {
  readonly names: readonly string[];
  /** The names that the regular expression matches, where there is one. */
  readonly matches: ((name: string) => boolean) | undefined;
  /** Topics that exist, by id. */
  topicIds: ReadonlySet<string>;
  members: number;
  /** What the topics were when they were last looked up: their ids and sizes. */
  seen: string;
}

/** Which topics the members of a group want, kept up to date with the topics that there are. */
export class GroupSubscriptions {
  readonly #topics: GroupTopics;
  readonly #byKey = new Map<string, Subscription>();
  #version: number;

  constructor(topics: GroupTopics) {
    this.#topics = topics;
    this.#version = topics.version;
  }

  /** Whether all members want the same. */
  get isHomogeneous(): boolean {
    return this.#byKey.size <= 1;
  }

  /** Throws a TopicPatternError where the member's regular expression is none. */
  check(member: ConsumerMember): void {
    if (member.topicRegex !== "" && !this.#byKey.has(subscriptionKey(member))) compileTopicPattern(member.topicRegex);
  }

  of(member: ConsumerMember): Subscription {
    return this.#byKey.get(subscriptionKey(member))!;
  }

  /** A member comes (no `before`), goes (no `after`), or changes. */
  replace(before: ConsumerMember | undefined, after: ConsumerMember | undefined): void {
    const keyBefore = before === undefined ? undefined : subscriptionKey(before);
    const keyAfter = after === undefined ? undefined : subscriptionKey(after);
    if (keyBefore === keyAfter) return;
    if (after !== undefined) this.#obtain(keyAfter!, after).members += 1;
    if (keyBefore === undefined) return;
    const left = this.#byKey.get(keyBefore)!;
    left.members -= 1;
    if (left.members === 0) this.#byKey.delete(keyBefore);
  }

  #obtain(key: string, { topicNames, topicRegex }: ConsumerMember): Subscription {
    let subscription = this.#byKey.get(key);
    if (subscription === undefined) {
      const matches = topicRegex === "" ? undefined : compileTopicPattern(topicRegex);
      subscription = { names: topicNames, matches, topicIds: new Set(), members: 0, seen: "" };
      this.#lookUp(subscription);
      this.#byKey.set(key, subscription);
    }
    return subscription;
  }

  /** Looks at the topics again where any have changed: whether that concerns this group. */
  refresh(): boolean {
    if (this.#version === this.#topics.version) return false;
    this.#version = this.#topics.version;
    let hasChanged = false;
    for (const subscription of this.#byKey.values()) {
      const { seen } = subscription;
      this.#lookUp(subscription);
      if (subscription.seen !== seen) hasChanged = true;
    }
    return hasChanged;
  }

  #lookUp(subscription: Subscription): void {
    const found = new Map<string, GroupTopic>();
    for (const name of subscription.names) {
      const topic = this.#topics.named(name);
      if (topic !== undefined) found.set(topic.id, topic);
    }
    const { matches } = subscription;
    if (matches !== undefined)
      for (const topic of this.#topics.all()) if (matches(topic.name)) found.set(topic.id, topic);
    subscription.topicIds = new Set(found.keys());
    subscription.seen = [...found.values()].map((topic) => `${topic.id}:${topic.partitions.length}`).join();
  }

  /** What was last seen of all topics that anybody wants: equal where they are the same, and as large. */
  get seen(): string {
    return [...this.#byKey.values()]
      .map(({ seen }) => seen)
      .sort()
      .join(" ");
  }

  /** Whether anybody wants the topic. */
  includes(topicName: string): boolean {
    return [...this.#byKey.values()].some(({ names, matches }) => names.includes(topicName) || matches?.(topicName));
  }
}
