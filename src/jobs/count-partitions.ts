import type { Cluster } from "../client/cluster.ts";
import { namedError } from "./named-error.ts";

/** Longest wait (ms) for the brokers' word on a topic. */
export const FIND_TIMEOUT = 60_000;

/** How many partitions a topic has that a worker needs. Throws a named error where there is none. */
export async function countPartitions(cluster: Cluster, topic: string, signal: AbortSignal): Promise<number> {
  try {
    return (await cluster.topic(topic, FIND_TIMEOUT, signal)).partitions.length;
  } catch (error) {
    throw namedError(error, "", topic);
  }
}
