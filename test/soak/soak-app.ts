import { setTimeout as pause } from "node:timers/promises";
import { type App, createApp, type Job, type RunningJob } from "ottla";
import { Kafka } from "ottla/kafka";
import type { Transport } from "../../src/net/transport.ts";
import { QUIET } from "../support/quiet-logger.ts";

/** How long topics keep records, in ms: all that waits is worked off sooner. */
export const KEPT = 120_000;
export const GROUP = "soak";
export const QUEUES = ["soak-orders", "soak-lanes", "soak-parking", "soak-steps"] as const;
type QueueName = (typeof QUEUES)[number];
const DEAD = "soak-dead";
const LATER = "soak-later";
/** For messages that are no jobs. */
export const SINK = "soak-sink";
const PARTITIONS = 4;
const SEGMENT = { "segment.ms": String(KEPT / 4) };
const COMPACTED = { "cleanup.policy": "compact", "delete.retention.ms": String(KEPT), ...SEGMENT };
const ROWS = 3;

export interface Work {
  readonly key: string;
  readonly filling: string;
  readonly failsOnce?: boolean;
  /** It fails until then, epoch ms: it is dead or parked, and is brought back later. */
  readonly failsUntil?: number;
  /** It enqueues another one as it ends. */
  readonly handsOver?: boolean;
}

export type SoakJobs = Readonly<Record<QueueName, Job<Work>>>;

class FirstTry extends Error {
  override readonly name = "FirstTry";
}

/** The app of all processes. `ran` is called for each job as it runs. */
export function soakApp(
  brokers: readonly string[],
  transport: Transport,
  ran: (work: Work) => void,
): { readonly app: App; readonly jobs: SoakJobs } {
  const config = { "retention.ms": String(KEPT), ...SEGMENT };
  const queue = { partitions: PARTITIONS, config, onDataLoss: "continue", backoff: { initial: 20, max: 100 } } as const;
  const app = createApp({
    ...{ group: GROUP, logger: QUIET, kafka: { brokers, transport } },
    scheduledMessagesTopics: [{ topic: LATER, partitions: PARTITIONS, config: COMPACTED }],
    queues: {
      "soak-orders": { ...queue, deadLetterQueue: { topic: DEAD, maxRetries: 1 }, dedupe: { window: KEPT / 2 } },
      "soak-lanes": { ...queue, virtualPartitions: { max: 4 } },
      "soak-parking": { ...queue, whenExhausted: "park", maxRetries: 0 },
      "soak-steps": queue,
    },
  });
  const define = (name: QueueName): Job<Work> =>
    app.job<Work>({
      ...{ name, queue: name, scheduledMessagesTopic: LATER, partitioner: ({ payload }) => payload.key },
      retryOn: [{ errors: [FirstTry], attempts: 3, wait: 20 }],
      async perform(work, job) {
        ran(work);
        if (work.failsOnce === true && job.attempt === 1) throw new FirstTry("as it is to");
        if (Date.now() < (work.failsUntil ?? 0)) throw new Error("not yet");
        if (name === "soak-steps") await walk(job);
        if (work.handsOver === true)
          await job.transaction((tx) => tx.performLater(next().of({ key: work.key, filling: work.filling })));
      },
    });
  const jobs = Object.fromEntries(QUEUES.map((name) => [name, define(name)])) as SoakJobs;
  const next = (): Job<Work> => jobs["soak-lanes"];
  const tick = { key: "tick", filling: "" };
  app.recurring({ name: "tick", cron: "*/5 * * * * *", job: jobs["soak-orders"].of(tick) });
  return { app, jobs };
}

async function walk(job: RunningJob): Promise<void> {
  await job.step("rows", async (step) => {
    for (let row = step.cursor ?? 0; row < ROWS; row++) {
      await pause(2);
      await step.advance({ from: row });
    }
  });
  await job.step("end", () => {});
}

/** Makes all topics, such that none keeps more than it has to. */
export async function applyTopics(brokers: readonly string[], app: App): Promise<void> {
  const kafka = new Kafka({ brokers });
  const own = [
    { name: `${GROUP}-state`, partitions: PARTITIONS, config: COMPACTED },
    { name: DEAD, partitions: PARTITIONS, config: { "retention.ms": String(5 * KEPT), ...SEGMENT } },
    { name: SINK, partitions: 1, config: { "retention.ms": String(KEPT), ...SEGMENT } },
  ];
  const there = new Set((await kafka.admin().listTopics()).map(({ name }) => name));
  await kafka.admin().createTopics(own.filter(({ name }) => !there.has(name)));
  await kafka.close();
  await app.topics.apply();
}
