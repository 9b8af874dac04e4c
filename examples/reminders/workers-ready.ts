import { setTimeout as sleep } from "node:timers/promises";
import { Kafka } from "ottla/kafka";

const PAUSE = 100;

/**
 * Resolves once so many workers share so many partitions, of queues and of schedule topics: while they find together, what
 * falls due is late. `check` throws where a worker has ended.
 */
export async function workersReady(
  brokers: readonly string[],
  group: string,
  workers: number,
  partitions: number,
  check: () => void,
): Promise<void> {
  const kafka = new Kafka({ brokers });
  try {
    for (;;) {
      check();
      const [description] = await kafka.admin().describeGroups([group]);
      const shares = description?.members.map(({ assigned }) => assigned.length) ?? [];
      const all = shares.reduce((sum, share) => sum + share, 0);
      if (shares.length === workers && !shares.includes(0) && all === partitions) return;
      await sleep(PAUSE);
    }
  } finally {
    await kafka.close();
  }
}
