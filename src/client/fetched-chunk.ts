import type { AbortedTransaction, PartitionData } from "../../protocol/messages/01-fetch.ts";
import { type BatchSpan, spanOfBatches } from "../../protocol/record-batch.ts";
import { type FetchedRecords, readFetched } from "../../protocol/records.ts";
import type { FetchPosition } from "./fetch-position.ts";
import type { TopicPartition } from "./topic-partition.ts";

/** What one fetch brought for one partition, as bytes: they are checked and read when they are wanted. */
export class FetchedChunk implements TopicPartition {
  /** The position that it came for: once that was moved, this is about the past. */
  readonly position: FetchPosition;
  readonly topic: string;
  readonly partition: number;
  /** Where it was asked to begin. */
  readonly offset: number;
  /** The leader epoch of what came before it, or -1. */
  readonly lastEpoch: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /**
   * Where to read on, as the headers say before their sums are checked. Undefined where they say nothing that can be:
   * then only reading tells.
   */
  readonly span: BatchSpan | undefined;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #aborted: readonly AbortedTransaction[] | null;

  /** `aborted` is null under read_uncommitted. */
  constructor(
    position: FetchPosition,
    data: PartitionData,
    bytes: Uint8Array<ArrayBuffer>,
    aborted: readonly AbortedTransaction[] | null,
  ) {
    const { topic, partition, offset, lastEpoch } = position;
    this.position = position;
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
    this.lastEpoch = lastEpoch;
    this.highWatermark = data.highWatermark;
    this.lastStableOffset = data.lastStableOffset;
    this.logStartOffset = data.logStartOffset;
    this.#bytes = bytes;
    this.#aborted = aborted;
    const span = spanOfBatches(bytes, offset);
    const isBelieved = span.nextOffset > offset && span.nextOffset <= data.highWatermark;
    this.span = isBelieved ? span : undefined;
  }

  get byteLength(): number {
    return this.#bytes.length;
  }

  /** Throws a `DecodeError`, or a `CodecUnavailableError`, where not even its first batch can be read. */
  read(maxDecompressed: number): FetchedRecords {
    return readFetched(this.#bytes, this.offset, this.#aborted, maxDecompressed);
  }
}
