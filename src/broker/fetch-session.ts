import { ErrorCode } from "../../protocol/errors.ts";
import { type Draft, ZERO_UUID } from "../../protocol/field.ts";
import type { FetchPartition, FetchRequest, PartitionData } from "../../protocol/messages/01-fetch.ts";

/** One partition of a fetch: named in its request, or remembered from an earlier one. */
export interface WantedPartition {
  readonly topic: string;
  /** The zero id in versions that name topics. */
  readonly topicId: string;
  readonly wanted: FetchPartition;
}

/** What a fetch found for one partition. */
export interface FoundPartition extends WantedPartition {
  readonly part: Draft<PartitionData>;
}

interface CachedPartition {
  wanted: WantedPartition;
  /** What the client was last told; -1: nothing, or an error. */
  highWatermark: number;
  logStartOffset: number;
}

const LAST_EPOCH = 0x7fff_ffff;

/**
 * What one client reads from one node, remembered from fetch to fetch, so that requests and answers name only what
 * changed (KIP-227).
 */
export class FetchSession {
  readonly id: number;
  readonly usesTopicIds: boolean;
  readonly createdAt: number;
  usedAt: number;
  /** What the next fetch in the session has to carry. */
  epoch = 1;
  /** In the order in which they are read: what gave records goes to the end, so that none starves (KIP-74). */
  readonly #partitions = new Map<string, CachedPartition>();

  /** `found`: what the answer that opens the session tells. `now`: monotonic ms. */
  constructor(id: number, usesTopicIds: boolean, found: readonly FoundPartition[], now: number) {
    this.id = id;
    this.usesTopicIds = usesTopicIds;
    this.createdAt = now;
    this.usedAt = now;
    for (const one of found) {
      const cached: CachedPartition = { wanted: one, highWatermark: -1, logStartOffset: -1 };
      this.#partitions.set(keyOf(one, one.wanted.partition), cached);
      isNews(cached, one.part);
    }
  }

  get size(): number {
    return this.#partitions.size;
  }
  get wanted(): WantedPartition[] {
    return Array.from(this.#partitions.values(), ({ wanted }) => wanted);
  }

  /** Takes over what a request adds, changes and forgets. */
  update(request: FetchRequest): void {
    for (const wanted of wantedBy(request)) {
      const key = keyOf(wanted, wanted.wanted.partition);
      const cached = this.#partitions.get(key);
      if (cached === undefined) this.#partitions.set(key, { wanted, highWatermark: -1, logStartOffset: -1 });
      else cached.wanted = wanted;
    }
    for (const topic of request.forgottenTopicsData) {
      for (const partition of topic.partitions) this.#partitions.delete(keyOf(topic, partition));
    }
  }

  advance(): void {
    this.epoch = this.epoch === LAST_EPOCH ? 1 : this.epoch + 1;
  }

  /** Of what was found, that which the client does not know yet; from now on it counts as told. */
  news(found: readonly FoundPartition[]): FoundPartition[] {
    return found.filter((one) => {
      const key = keyOf(one, one.wanted.partition);
      const cached = this.#partitions.get(key);
      if (cached === undefined || !isNews(cached, one.part)) return false;
      if ((one.part.records?.byteLength ?? 0) > 0) {
        this.#partitions.delete(key);
        this.#partitions.set(key, cached);
      }
      return true;
    });
  }
}

/** The partitions that a request itself names. */
export function wantedBy(request: FetchRequest): WantedPartition[] {
  return request.topics.flatMap(({ topic, topicId, partitions }) =>
    partitions.map((wanted) => ({ topic, topicId, wanted })),
  );
}

function keyOf({ topic, topicId }: { readonly topic: string; readonly topicId: string }, partition: number): string {
  return `${topicId === ZERO_UUID ? topic : topicId}/${partition}`;
}

/** Whether the client has to be told; notes what it then knows. */
function isNews(cached: CachedPartition, part: Draft<PartitionData>): boolean {
  const { highWatermark = -1, logStartOffset = -1, errorCode = ErrorCode.NONE } = part;
  const isMoved = highWatermark !== cached.highWatermark || logStartOffset !== cached.logStartOffset;
  cached.logStartOffset = logStartOffset;
  // After an error the partition is told of again once it is gone.
  cached.highWatermark = errorCode === ErrorCode.NONE ? highWatermark : -1;
  if (isMoved || errorCode !== ErrorCode.NONE || part.divergingEpoch !== undefined) return true;
  return (part.records?.byteLength ?? 0) > 0 || (part.preferredReadReplica ?? -1) >= 0;
}
