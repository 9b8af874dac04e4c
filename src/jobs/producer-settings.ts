import type { ProducerOptions } from "../client/producer-options.ts";
import { checkOptions, optionalChoice, optionalInteger, within } from "./check-options.ts";
import { DEFAULTS } from "./defaults.ts";
import { type Duration, parseDuration } from "./duration.ts";
import { InvalidOptionError } from "./errors.ts";

/** How records are sent. A variant inherits what it does not set. */
export interface ProducerSettings {
  /** What counts as sent: in all in-sync replicas (default), written by the leader, or handed to the network. */
  readonly acks?: "all" | "leader" | "none" | undefined;
  /** Default "none". A batch that compression would make larger is sent plain. */
  readonly compression?: "none" | "gzip" | "snappy" | "lz4" | "zstd" | undefined;
  /** How long a batch waits for more records. Default 0: until the end of the tick. */
  readonly linger?: Duration | undefined;
  /** How long a record may be on its way before it is given up. Default 120 s. */
  readonly deliveryTimeout?: Duration | undefined;
  /** Bytes at which a batch is full, before compression; a larger record has one of its own. Default 262,144. */
  readonly batchSize?: number | undefined;
  /** Bytes of a request, and so of the largest record. Topics have limits of their own. Default 8,388,608. */
  readonly maxRequestSize?: number | undefined;
  /** Bytes of records that may wait for their verdicts; enqueues beyond that wait their turn. Default 64 MiB. */
  readonly maxBufferedBytes?: number | undefined;
}

const ACKS = ["all", "leader", "none"] as const;
const COMPRESSION = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
const OPTIONS = [
  "acks",
  "compression",
  "linger",
  "deliveryTimeout",
  "batchSize",
  "maxRequestSize",
  "maxBufferedBytes",
] as const;

/** The settings as the client takes them: times in milliseconds, and only what is set. */
export function resolveProducerSettings(value: unknown, path: string): ProducerOptions {
  const options = checkOptions(value, path, OPTIONS);
  const settings: ProducerOptions = {
    acks: optionalChoice(options.acks, within(path, "acks"), ACKS),
    compression: optionalChoice(options.compression, within(path, "compression"), COMPRESSION),
    linger: optionalTime(options.linger, within(path, "linger"), 0),
    deliveryTimeout: optionalTime(options.deliveryTimeout, within(path, "deliveryTimeout"), 1),
    batchSize: optionalInteger(options.batchSize, within(path, "batchSize"), 1, 2 ** 31 - 1),
    maxRequestSize: optionalInteger(options.maxRequestSize, within(path, "maxRequestSize"), 1, 2 ** 31 - 1),
    maxBufferedBytes: optionalInteger(
      options.maxBufferedBytes,
      within(path, "maxBufferedBytes"),
      1,
      Number.MAX_SAFE_INTEGER,
    ),
  };
  return Object.fromEntries(Object.entries(settings).filter(([, setting]) => setting !== undefined));
}

/** How long (ms) an enqueue with these settings may take. */
export function deliveryTimeoutOf({ deliveryTimeout }: ProducerOptions): number {
  return deliveryTimeout ?? DEFAULTS.deliveryTimeout;
}

function optionalTime(value: unknown, path: string, least: number): number | undefined {
  if (value === undefined) return undefined;
  const ms = parseDuration(value, path);
  if (ms < least) throw new InvalidOptionError(path, `${ms} ms given, at least ${least} ms is expected`);
  return ms;
}
