import { type CompressionType, codecIds, compress } from "../../protocol/compression.ts";
import { InvalidArgumentError } from "./errors.ts";
import type { ProducerRecord } from "./producer-record.ts";
import type { SenderOptions } from "./producer-sender.ts";

/** Settings of a producer, or of a variant of one. */
export interface ProducerOptions {
  /**
   * Who must have a record before it counts as sent: all in-sync replicas, the leader, or nobody. Default "all", which
   * is idempotent: no record is stored twice or out of order. The others have one request in flight for a partition.
   */
  readonly acks?: "all" | "leader" | "none" | undefined;
  /** Default "none". A batch that compression would make larger is sent plain. */
  readonly compression?: CompressionType | undefined;
  /** Milliseconds that a batch waits for more records. Default 0: until the end of the tick. */
  readonly linger?: number | undefined;
  /** Milliseconds from the call until a record is given up. Default 120,000. */
  readonly deliveryTimeout?: number | undefined;
  /** Bytes at which a batch is full, before compression; a larger record has one of its own. Default 262,144. */
  readonly batchSize?: number | undefined;
  /** Bytes of a request, and so of the largest record. Topics have limits of their own. Default 8,388,608. */
  readonly maxRequestSize?: number | undefined;
  /** Bytes of records that may wait for their verdicts; calls beyond that wait their turn. Default 64 MiB. */
  readonly maxBufferedBytes?: number | undefined;
  /**
   * The partition of a record that names none, given how many the topic has. It is called once for each record, in order,
   * as soon as the topic is known. What it throws, or gives beside the range, rejects that record alone. Default: as
   * Java's partitioner does, by the key's murmur2 or, without a key, by turns (KIP-794).
   */
  readonly partitioner?: Partitioner | undefined;
}

/** Gives a record's partition: a whole number from 0 up to, not including, `partitionCount`. */
export type Partitioner = (record: ProducerRecord, partitionCount: number) => number;

export interface ProducerSettings extends SenderOptions {
  readonly batchSize: number;
  readonly maxBufferedBytes: number;
  readonly partitioner: Partitioner | undefined;
}

export const PRODUCER_DEFAULTS: ProducerSettings = {
  acks: "all",
  compression: "none",
  linger: 0,
  deliveryTimeout: 120_000,
  batchSize: 256 * 1024,
  maxRequestSize: 8 * 1024 * 1024,
  maxBufferedBytes: 64 * 1024 * 1024,
  partitioner: undefined,
};

/** Fills in defaults; throws an {@link InvalidArgumentError} that names a wrong option. */
export function producerSettings(
  options: ProducerOptions,
  base: ProducerSettings = PRODUCER_DEFAULTS,
): ProducerSettings {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [name] of given) {
    if (!Object.hasOwn(PRODUCER_DEFAULTS, name)) throw new InvalidArgumentError(`unknown producer option ${name}`);
  }
  const settings: ProducerSettings = { ...base, ...Object.fromEntries(given) };
  if (!["all", "leader", "none"].includes(settings.acks)) {
    throw new InvalidArgumentError(`acks ${JSON.stringify(settings.acks)}: "all", "leader" or "none" is wanted`);
  }
  if (!Object.hasOwn(codecIds, settings.compression)) {
    const known = Object.keys(codecIds).join(", ");
    throw new InvalidArgumentError(`compression ${JSON.stringify(settings.compression)}: one of ${known} is wanted`);
  }
  try {
    compress(settings.compression, new Uint8Array(1));
  } catch (error) {
    throw new InvalidArgumentError(`compression ${settings.compression}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (settings.partitioner !== undefined && typeof settings.partitioner !== "function") {
    throw new InvalidArgumentError(
      `producer option partitioner is ${typeof settings.partitioner}: a function is wanted`,
    );
  }
  atLeast("linger", settings.linger, 0);
  atLeast("deliveryTimeout", settings.deliveryTimeout, 1);
  atLeast("batchSize", settings.batchSize, 1);
  atLeast("maxRequestSize", settings.maxRequestSize, 1);
  atLeast("maxBufferedBytes", settings.maxBufferedBytes, 1);
  return { ...settings, batchSize: Math.min(settings.batchSize, settings.maxRequestSize) };
}

function atLeast(name: string, value: number, least: number): void {
  if (typeof value !== "number" || !(value >= least) || value === Number.POSITIVE_INFINITY) {
    throw new InvalidArgumentError(
      `producer option ${name} is ${String(value)}: a number of at least ${least} is wanted`,
    );
  }
}
