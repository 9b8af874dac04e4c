import type { TestCluster } from "./target.ts";

/** A topic of two partitions with records of these timestamps (ms) in partition 0. */
export async function topicWithTimes(cluster: TestCluster, times: readonly number[]): Promise<string> {
  const topic = await cluster.topic(2);
  const producer = cluster.kafka().producer();
  for (const timestamp of times) await producer.send({ topic, partition: 0, value: `at ${timestamp}`, timestamp });
  return topic;
}
