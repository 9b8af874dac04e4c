import type { GrowthBench } from "../growth/growth-bench.ts";
import type { Outcome } from "./cost-of.ts";
import type { JobScenario, JobSizes } from "./job-scenarios.ts";
import type { KafkaScenario } from "./kafka-scenarios.ts";
import type { PeerTask } from "./peer-process.ts";
import type { Peer } from "./peers.ts";

/** Runs one peer's scenarios, one after the other; `tell` hears of each. */
export type Turn = (peer: Peer, tell: (scenario: string, outcome: Outcome) => void) => Promise<void>;

const QUEUE_PARTITIONS = 12;
const TOPIC_PARTITIONS = 3;
const LARGE = 1_024;
const SMALL = 100;

/** Each scenario in a process of its own; what one enqueues another works off. */
export function jobTurn(bench: GrowthBench, scenarios: readonly string[]): Turn {
  const share = bench.isQuick ? 20 : 1;
  const sizes: JobSizes = { jobs: 20_000 / share, timed: 1_000 / share };
  return async (peer, tell) => {
    const part = bench.part();
    const queueFor = async (): Promise<string> =>
      peer.server === "Kafka" ? part.topic(QUEUE_PARTITIONS) : `bench-${crypto.randomUUID()}`;
    const run = async (scenario: JobScenario, queue: string): Promise<void> => {
      const outcome = await part.run<Outcome>(`jobs/${peer.name}`, { scenario, queue, ...sizes } satisfies PeerTask);
      if (scenarios.includes(scenario)) tell(scenario, outcome);
    };
    try {
      const queue = await queueFor();
      // Whoever only wants to know how fast it works needs something to work off.
      if (scenarios.includes("enqueue") || scenarios.includes("work")) await run("enqueue", queue);
      if (scenarios.includes("work")) await run("work", queue);
      if (scenarios.includes("latency")) await run("latency", await queueFor());
    } finally {
      await part.close();
    }
  };
}

/** Each scenario in a process of its own. Everybody reads the same records, and writes to a topic of its own. */
export async function kafkaTurn(bench: GrowthBench, scenarios: readonly string[]): Promise<Turn> {
  const share = bench.isQuick ? 50 : 1;
  const small = { bytes: SMALL, records: 500_000 / share };
  const large = { bytes: LARGE, records: 200_000 / share };
  const tasks: Readonly<
    Record<KafkaScenario, { readonly bytes: number; readonly records: number; readonly full?: string }>
  > = {
    produce100: small,
    produce1k: large,
    consume100: { ...small, full: await full("consume100", small) },
    consume1k: { ...large, full: await full("consume1k", large) },
    single: { bytes: SMALL, records: 20_000 / share },
    latency: { bytes: SMALL, records: 2_000 / share },
  };
  return async (peer, tell) => {
    for (const scenario of scenarios as readonly KafkaScenario[]) {
      const part = bench.part();
      try {
        const { full: topic = await part.topic(TOPIC_PARTITIONS), ...sizes } = tasks[scenario];
        const task: PeerTask = { scenario, topic, ...sizes };
        tell(scenario, await part.run<Outcome>(`kafka/${peer.name}`, task));
      } finally {
        await part.close();
      }
    }
  };

  /** A topic with the records that all consumers read; the one that `produce` sends first is among them. */
  async function full(
    scenario: KafkaScenario,
    size: { readonly bytes: number; readonly records: number },
  ): Promise<string> {
    if (!scenarios.includes(scenario)) return "";
    const topic = await bench.topic(TOPIC_PARTITIONS);
    const task: PeerTask = { scenario: size.bytes === SMALL ? "produce100" : "produce1k", topic, ...size };
    await bench.run("kafka/ottla", task);
    return topic;
  }
}
