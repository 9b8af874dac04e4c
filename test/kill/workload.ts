import { Kafka } from "../../src/client/kafka.ts";
import { GroupLoad } from "./group-load.ts";
import { LongestSilence } from "./longest-silence.ts";
import { type SteadyLoad, startSteadyLoad } from "./steady-load.ts";
import { TransformLoop } from "./transform-loop.ts";
import { until } from "./until.ts";

export const LOAD_PARTITIONS = 6;
export const FEED_PARTITIONS = 3;
/** Milliseconds between the sends of the load for the groups, and of that for the transactions: each batch is one. */
const LOAD_PAUSE = 40;
const FEED_PAUSE = 500;
const TRANSFORMERS = 2;
const ASK_PAUSE = 500;
const PATIENCE = 60_000;

/**
 * All that a client does, at once, with its own defaults: a producer and groups of both protocols on the topic "source",
 * transactions from "feed" to "sink", and questions of an admin.
 */
export class Workload {
  readonly kafka: Kafka;
  readonly load: SteadyLoad;
  readonly feed: SteadyLoad;
  readonly groups: readonly GroupLoad[];
  readonly loop: TransformLoop;
  readonly adminFailures: Map<string, number> = new Map();
  readonly #adminSilence = new LongestSilence();
  readonly #transforms: Promise<unknown>;
  #isOver = false;

  constructor(brokers: readonly string[], protocols: readonly ("classic" | "consumer")[]) {
    const kafka = new Kafka({ brokers });
    this.kafka = kafka;
    this.load = startSteadyLoad(kafka.producer(), "source", LOAD_PARTITIONS, LOAD_PAUSE);
    this.feed = startSteadyLoad(kafka.producer(), "feed", FEED_PARTITIONS, FEED_PAUSE);
    const rest = { brokers, topic: "source", partitions: LOAD_PARTITIONS, members: [undefined, undefined, "static"] };
    this.groups = protocols.map(
      (groupProtocol) => new GroupLoad({ ...rest, groupId: `${groupProtocol}-group`, groupProtocol }),
    );
    const pool = kafka.transactionPool({ transactionalIdPrefix: "transform", maxProducers: TRANSFORMERS });
    const names = { source: "feed", sink: "sink", group: "transform" };
    this.loop = new TransformLoop(kafka, pool, names, { sessionTimeout: 10_000 });
    this.#transforms = Promise.all(Array.from({ length: TRANSFORMERS }, () => this.loop.run()));
    void this.#ask();
  }

  async #ask(): Promise<void> {
    const admin = this.kafka.admin();
    while (!this.#isOver) {
      try {
        await admin.describeTopics(["source"]);
        await admin.describeGroups(this.groups.map(({ groupId }) => groupId));
        this.#adminSilence.heard();
      } catch (error) {
        const { code } = error as { code: string };
        this.adminFailures.set(code, (this.adminFailures.get(code) ?? 0) + 1);
      }
      await new Promise((resolve) => setTimeout(resolve, ASK_PAUSE));
    }
  }

  get #silencesByName(): Record<string, LongestSilence> {
    const groups = this.groups.map((group) => [group.groupId, group.silence] as const);
    return {
      sends: this.load.silence,
      ...Object.fromEntries(groups),
      transactions: this.loop.silence,
      admin: this.#adminSilence,
    };
  }

  /** Resolves once every partition is read, and something of everything else is done. */
  async begun(): Promise<void> {
    await until(
      () => "every partition is read",
      PATIENCE,
      () => this.groups.every((group) => group.readsAll),
    );
    await this.everythingGoesOn();
  }

  /** Resolves once something of everything has been done, from now on. */
  everythingGoesOn(): Promise<void> {
    const now = performance.now();
    const all = [
      ...Object.entries(this.#silencesByName),
      ...this.groups.flatMap(({ groupId, partitionSilences }) =>
        partitionSilences.map((silence, partition) => [`${groupId}, partition ${partition}`, silence] as const),
      ),
    ];
    const silent = (): string[] => all.filter(([, { since }]) => since <= now).map(([name]) => name);
    return until(
      () => `going on: ${silent().join("; ")}`,
      PATIENCE,
      () => silent().length === 0,
    );
  }

  measureAnew(): void {
    for (const silence of Object.values(this.#silencesByName)) silence.reset();
    for (const group of this.groups) for (const silence of group.partitionSilences) silence.reset();
  }

  /** The longest times (ms) in which nothing was acknowledged, read (by a group, in any one partition), committed, told. */
  silences(): Record<string, number> {
    const found = Object.entries(this.#silencesByName).map(([name, { longest }]) => [name, longest] as const);
    const partitions = this.groups.map(
      ({ groupId, partitionSilences }) =>
        [`${groupId}, one partition`, Math.max(...partitionSilences.map(({ longest }) => longest))] as const,
    );
    return Object.fromEntries([...found, ...partitions]);
  }

  /** Rejects when something ends by itself. */
  async failure(): Promise<never> {
    await Promise.race([this.#transforms, ...this.groups.map((group) => group.ended)]);
    throw new Error("a consumer ended by itself");
  }

  /** Ends transactions and questions; the loads are stopped on their own. */
  async stop(): Promise<void> {
    this.#isOver = true;
    this.loop.stop();
    await this.#transforms;
  }

  /** Closes everything as it is. Gives the milliseconds that it took. */
  async close(): Promise<number> {
    this.#isOver = true;
    this.loop.stop();
    const start = performance.now();
    await Promise.all([this.kafka.close({ timeout: PATIENCE }), ...this.groups.map((group) => group.close())]);
    const took = Math.round(performance.now() - start);
    await Promise.all([this.load.stop(), this.feed.stop()]);
    return took;
  }
}
