import { ErrorCode } from "../../protocol/errors.ts";
import { type Draft, ZERO_UUID } from "../../protocol/field.ts";
import type { FetchRequest, FetchResponse, PartitionData } from "../../protocol/messages/01-fetch.ts";
import type { FetchPosition } from "./fetch-position.ts";
import { groupByTopic, partitionKey, type TopicPartition } from "./topic-partition.ts";

/** What is asked for one partition, as it was last said to the broker. */
interface Wish extends TopicPartition {
  readonly position: FetchPosition;
  readonly topicId: string;
  readonly leaderEpoch: number;
  readonly lastEpoch: number;
  readonly offset: number;
  readonly maxBytes: number;
}

/** What a request asks for may depend on. */
export interface WishTerms {
  readonly topicId: string;
  readonly leaderEpoch: number;
  readonly maxBytes: number;
}

/** A partition's part of an answer, with the position that it was asked for. */
export interface FetchAnswer {
  readonly position: FetchPosition;
  /** Where it was asked to begin. */
  readonly offset: number;
  readonly data: PartitionData;
}

type SessionRequest = Pick<Draft<FetchRequest>, "sessionId" | "sessionEpoch" | "topics" | "forgottenTopicsData">;

/** The first version that says by which epoch a truncated log would be noticed. */
const EPOCHS_SINCE = 12;
const NO_SESSION = -1;
const OPEN = 0;
const LAST_EPOCH = 0x7fff_ffff;

/**
 * What one broker is asked for, from fetch to fetch. Where it keeps a session, requests name only what changed since the
 * last (KIP-227), so that a thousand idle partitions cost nothing; where not, each names everything.
 */
export class FetchSession {
  /** In the order of asking: what gave records goes to the end, so that a limit of the answer starves none. */
  readonly #wishes = new Map<string, Wish>();
  readonly #changed = new Set<string>();
  readonly #forgotten = new Map<string, Wish>();
  readonly #topicNames = new Map<string, string>();
  #nameless = 0;
  #id = 0;
  /** What the next request carries. */
  #epoch = OPEN;
  #byName = false;

  get size(): number {
    return this.#wishes.size;
  }

  /** Whether any topic's id is not known, so that topics have to be named. */
  get isByName(): boolean {
    return this.#nameless > 0;
  }

  get positions(): FetchPosition[] {
    return Array.from(this.#wishes.values(), ({ position }) => position);
  }

  /** Whether this very position is asked for. */
  has(position: FetchPosition): boolean {
    return this.#wishes.get(partitionKey(position.topic, position.partition))?.position === position;
  }

  /** Asks for the position as it is now. */
  set(position: FetchPosition, { topicId, leaderEpoch, maxBytes }: WishTerms): void {
    const { topic, partition, offset, lastEpoch } = position;
    const key = partitionKey(topic, partition);
    const before = this.#wishes.get(key);
    const wish: Wish = { position, topic, partition, topicId, leaderEpoch, lastEpoch, offset, maxBytes };
    if (before !== undefined && before.topicId !== topicId) this.#remove(key, before);
    else if (before !== undefined && isSame(before, wish)) {
      if (before.position !== position) this.#wishes.set(key, wish);
      return;
    }
    if (!this.#wishes.has(key)) {
      this.#topicNames.set(topicId, topic);
      if (topicId === ZERO_UUID) this.#nameless++;
    }
    if (this.#forgotten.get(key)?.topicId === topicId) this.#forgotten.delete(key);
    if (before !== undefined && before.offset !== offset) this.#wishes.delete(key);
    this.#wishes.set(key, wish);
    this.#changed.add(key);
  }

  /** Asks for the position no more. */
  delete(position: FetchPosition): void {
    const key = partitionKey(position.topic, position.partition);
    const wish = this.#wishes.get(key);
    if (wish?.position === position) this.#remove(key, wish);
  }

  #remove(key: string, wish: Wish): void {
    this.#wishes.delete(key);
    this.#changed.delete(key);
    this.#forgotten.set(key, wish);
    if (wish.topicId === ZERO_UUID) this.#nameless--;
  }

  /** Whether the next request names everything. */
  get isFull(): boolean {
    // A session names topics in one way.
    return this.#epoch === OPEN || this.#byName !== this.isByName;
  }

  /** The next request in the session, in this version of Fetch. */
  request(version: number): SessionRequest {
    if (this.isFull) this.#epoch = OPEN;
    this.#byName = this.isByName;
    const isFull = this.#epoch === OPEN;
    const wishes = isFull ? this.#wishes.values() : Array.from(this.#changed, (key) => this.#wishes.get(key)!);
    const request = {
      sessionId: this.#id,
      sessionEpoch: this.#epoch,
      topics: topicsOf(wishes, version >= EPOCHS_SINCE),
      forgottenTopicsData: isFull ? [] : forgottenOf(this.#forgotten.values()),
    };
    this.#changed.clear();
    this.#forgotten.clear();
    return request;
  }

  /** A request for everything that neither has a session nor opens one. */
  requestOnce(version: number): SessionRequest {
    const topics = topicsOf(this.#wishes.values(), version >= EPOCHS_SINCE);
    return { sessionId: 0, sessionEpoch: NO_SESSION, topics, forgottenTopicsData: [] };
  }

  /** Takes in what an answer says of the session. False: it is gone, and the next request opens another. */
  answered({ errorCode, sessionId }: Pick<FetchResponse, "errorCode" | "sessionId">): boolean {
    if (errorCode !== ErrorCode.NONE) {
      this.lost();
      if (errorCode === ErrorCode.FETCH_SESSION_ID_NOT_FOUND) this.#id = 0;
      return false;
    }
    this.#id = sessionId;
    if (sessionId === 0) this.#epoch = OPEN;
    else this.#epoch = this.#epoch === LAST_EPOCH ? 1 : this.#epoch + 1;
    return true;
  }

  /** It is not known what the broker made of the last request. The next one closes the session and opens another. */
  lost(): void {
    this.#epoch = OPEN;
  }

  /** The parts of an answer to the last request. */
  *answers({ responses }: Pick<FetchResponse, "responses">): Generator<FetchAnswer> {
    for (const { topic, topicId, partitions } of responses) {
      const name = topic || this.#topicNames.get(topicId);
      if (name === undefined) continue;
      for (const data of partitions) {
        const wish = this.#wishes.get(partitionKey(name, data.partitionIndex));
        if (wish !== undefined) yield { position: wish.position, offset: wish.offset, data };
      }
    }
  }
}

function isSame(a: Wish, b: Wish): boolean {
  return (
    a.offset === b.offset && a.leaderEpoch === b.leaderEpoch && a.lastEpoch === b.lastEpoch && a.maxBytes === b.maxBytes
  );
}

function topicsOf(wishes: Iterable<Wish>, tellsEpoch: boolean): Draft<FetchRequest>["topics"] {
  return Array.from(groupByTopic(wishes), ([topic, list]) => ({
    topic,
    topicId: list[0]!.topicId,
    partitions: list.map(({ partition, leaderEpoch, offset, lastEpoch, maxBytes }) => ({
      partition,
      currentLeaderEpoch: leaderEpoch,
      fetchOffset: offset,
      lastFetchedEpoch: tellsEpoch ? lastEpoch : -1,
      partitionMaxBytes: maxBytes,
    })),
  }));
}

/** Of one name there may be several, where the topic was made again. */
function forgottenOf(wishes: Iterable<Wish>): Draft<FetchRequest>["forgottenTopicsData"] {
  const groups = new Map<string, { topic: string; topicId: string; partitions: number[] }>();
  for (const { topic, topicId, partition } of wishes) {
    const key = `${topicId}/${topic}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { topic, topicId, partitions: [partition] });
    else group.partitions.push(partition);
  }
  return [...groups.values()];
}
