import type { ConsumerGroupHeartbeatRequest } from "../../protocol/messages/68-consumer-group-heartbeat.ts";
import type { BenchOptions } from "./client-bench.ts";
import { type GroupBench, type RecordedMember, startGroup } from "./group-bench.ts";

export const HEARTBEAT = "ConsumerGroupHeartbeat";
export const SESSION = 10_000;
/** Not a part of the rebalance timeout, lest whoever is put out learn of it at once. */
export const INTERVAL = 3_300;

/** A group by the consumer protocol (KIP-848), and what its members say. */
export interface ConsumerGroupBench extends GroupBench {
  /** What members told their coordinator, in order. */
  readonly heartbeats: ConsumerGroupHeartbeatRequest[];
}

export async function startConsumerGroup(
  t: { after(fn: () => Promise<void>): void },
  options: BenchOptions = {},
): Promise<ConsumerGroupBench> {
  const times = { groupConsumerSessionTimeout: SESSION, groupConsumerHeartbeatInterval: INTERVAL };
  const broker = { ...times, ...options.broker };
  const bench = await startGroup(t, { ...options, broker, groupProtocol: "consumer" });
  const heartbeats: ConsumerGroupHeartbeatRequest[] = [];
  bench.broker.observe(({ api, body }) => {
    if (api === HEARTBEAT) heartbeats.push(body as ConsumerGroupHeartbeatRequest);
  });
  return { ...bench, heartbeats };
}

/** How many partitions a heartbeat names; null: it does not say. */
export function claimed({ topicPartitions }: ConsumerGroupHeartbeatRequest): number | null {
  return topicPartitions?.reduce((sum, { partitions }) => sum + partitions.length, 0) ?? null;
}

/** The heartbeats of one member. */
export function heartbeatsOf(
  { heartbeats }: ConsumerGroupBench,
  { member }: RecordedMember,
): ConsumerGroupHeartbeatRequest[] {
  return heartbeats.filter(({ memberId }) => memberId === member.membership.memberId);
}
