import { ZERO_UUID } from "../../protocol/field.ts";
import type { TopicPartition } from "./topic-partition.ts";

/** Of a position that no leader has told to be read elsewhere. */
export const NO_REPLICA = -1;

/** Where one partition is read. Whoever moves it makes another: an answer to what is past finds its position gone. */
export class FetchPosition implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  /** The next offset to ask for. */
  offset: number;
  /** The leader epoch of the last batch before `offset`, by which a truncated log is noticed (KIP-320); -1: not known. */
  lastEpoch: number;
  /** The topic's id when it was first asked for: a topic that is made again has another. */
  topicId: string = ZERO_UUID;
  /** The end of what may be read, as the last answer told; -1: not known. */
  end = -1;
  paused = false;
  /** It stands still until it is moved or removed. */
  halted = false;
  /** Only reading what came tells where to go on. */
  awaitsReading = false;
  failures = 0;
  /** Monotonic ms before which it is not asked for. */
  retryAt = 0;
  /** The follower that the leader told to read from (KIP-392), and until when (monotonic ms). */
  replica: number = NO_REPLICA;
  replicaUntil = 0;
  /** The node that is asked for it. */
  node: number | undefined;
  /** Whether it is being asked for outside of the node's session. */
  isBeside = false;

  constructor(topic: string, partition: number, offset: number, lastEpoch: number) {
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
    this.lastEpoch = lastEpoch;
  }

  get isReadable(): boolean {
    return !this.paused && !this.halted && !this.awaitsReading && this.retryAt === 0;
  }
}
