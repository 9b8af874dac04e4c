import type { Cluster } from "./cluster.ts";
import type { ConsumerEvents, ResetReason } from "./consumer-events.ts";
import type { ConsumerSettings } from "./consumer-options.ts";
import { asKafkaError, KafkaError, type LogTruncationError } from "./errors.ts";
import type { FetchAhead } from "./fetch-ahead.ts";
import { fetchOffsets } from "./group-offsets.ts";
import { listOffsets, type OffsetPosition } from "./list-offsets.ts";
import type { Assignment } from "./manual-assignment.ts";
import { partitionKey, type TopicPartition } from "./topic-partition.ts";

export interface StartOptions {
  readonly cluster: Cluster;
  readonly settings: ConsumerSettings;
  readonly assignment: Assignment;
  readonly ahead: FetchAhead;
  readonly signal: AbortSignal;
  readonly reset: (event: ConsumerEvents["offsetReset"]) => void;
  /** A partition that is still owned cannot be read. */
  readonly failed: (error: KafkaError) => void;
}

/** Longest wait (ms) for the offsets from which a partition is read. */
const TIMEOUT = 300_000;

const WHY: Readonly<Record<ResetReason, string>> = {
  noCommit: "the group has no offset",
  outOfRange: "the log does not have the offset",
  truncated: "the log was truncated",
  recreated: "the topic was deleted and made again, so no offset is valid",
};

/** Finds out from where partitions are read: when they are assigned, and when the log has not what was due. */
export class StartOffsets {
  readonly #options: StartOptions;

  constructor(options: StartOptions) {
    this.#options = options;
  }

  /** Starts partitions that were just assigned. */
  async begin(partitions: readonly TopicPartition[]): Promise<void> {
    const { ahead, assignment, settings, signal } = this.#options;
    const given = new Map(
      settings.assignment?.map(({ topic, partition, offset }) => [partitionKey(topic, partition), offset] as const),
    );
    const givenTo = ({ topic, partition }: TopicPartition): number | OffsetPosition | undefined =>
      given.get(partitionKey(topic, partition));
    const others = partitions.filter((partition) => givenTo(partition) === undefined);
    for (const partition of partitions) {
      const offset = givenTo(partition);
      if (typeof offset === "number") ahead.start(partition, offset);
      else if (offset !== undefined) void this.seekTo(offset, [partition]).catch(this.#tell([partition]));
    }
    if (others.length === 0) return;
    if (settings.groupId === undefined) return this.reset(others, "noCommit");
    const places = others.map((partition) => ({ partition, isStill: ahead.stillAt(partition) }));
    await this.#guard(others, async () => {
      const asMember = (): Assignment["membership"] => assignment.membership;
      const committed = await fetchOffsets(assignment.coordinator, others, TIMEOUT, signal, asMember);
      const without: TopicPartition[] = [];
      for (const { partition } of places.filter(({ isStill }) => isStill())) {
        const found = committed.get(partitionKey(partition.topic, partition.partition));
        if (found === undefined) without.push(partition);
        else ahead.start(partition, found.offset, found.leaderEpoch);
      }
      if (without.length > 0) await this.reset(without, "noCommit");
    });
  }

  /** Reads partitions from where `offsetReset` says, or ends the iteration where it says "fail". */
  async reset(partitions: readonly TopicPartition[], reason: ResetReason): Promise<void> {
    const { settings, failed } = this.#options;
    const { offsetReset } = settings;
    if (offsetReset === "fail") return failed(noOffset(partitions[0]!, reason));
    await this.#guard(partitions, () => this.#move(offsetReset, partitions, reason));
  }

  /** Reads partitions from an end of their logs, or from a time. */
  seekTo(position: OffsetPosition, partitions: readonly TopicPartition[]): Promise<void> {
    return this.#move(position, partitions, undefined);
  }

  async #move(
    position: OffsetPosition,
    partitions: readonly TopicPartition[],
    reason: ResetReason | undefined,
  ): Promise<void> {
    const { cluster, settings, ahead, signal, reset } = this.#options;
    const places = partitions.map((partition) => ({ partition, isStill: ahead.stillAt(partition) }));
    const offsets = await listOffsets(cluster, partitions, position, TIMEOUT, signal, settings.isolation);
    for (const { partition } of places.filter(({ isStill }) => isStill())) {
      const to = offsets.get(partitionKey(partition.topic, partition.partition))!;
      const from = ahead.position(partition)?.offset;
      ahead.start(partition, to);
      if (reason !== undefined) reset({ topic: partition.topic, partition: partition.partition, reason, from, to });
    }
  }

  /** The log was truncated, as far as is known from `divergingOffset` on. */
  truncated(partition: TopicPartition, error: LogTruncationError): void {
    const { ahead, settings, failed, reset } = this.#options;
    const position = ahead.position(partition);
    const { divergingOffset } = error;
    if (position === undefined) return;
    // What was truncated was fetched, and not yet given to anybody: it never was.
    if (divergingOffset !== undefined && position.offset <= divergingOffset)
      return ahead.start(partition, position.offset, position.leaderEpoch);
    if (settings.offsetReset === "fail") return failed(error);
    if (divergingOffset === undefined) return void this.reset([partition], "truncated");
    ahead.start(partition, divergingOffset);
    const { topic, partition: number } = partition;
    reset({ topic, partition: number, reason: "truncated", from: position.offset, to: divergingOffset });
  }

  async #guard(partitions: readonly TopicPartition[], work: () => Promise<void>): Promise<void> {
    const tell = this.#tell(partitions);
    try {
      await work();
    } catch (error) {
      tell(error);
    }
  }

  /** Of partitions that have been let go or moved meanwhile, an error is no news: their topic may have been deleted. */
  #tell(partitions: readonly TopicPartition[]): (error: unknown) => void {
    const places = partitions.map((partition) => this.#options.ahead.stillAt(partition));
    return (error) => {
      if (places.some((isStill) => isStill())) this.#options.failed(asKafkaError(error, "finding where to begin"));
    };
  }
}

function noOffset({ topic, partition }: TopicPartition, reason: ResetReason): KafkaError {
  const message = `cannot tell where to read ${topic}/${partition}: ${WHY[reason]}, and offsetReset is "fail"`;
  return new KafkaError("NO_OFFSET", message, false, { topic, partition });
}
