import type { CompressionType } from "../../protocol/compression.ts";
import type { BatchRules } from "./batch-check.ts";
import { type LogRules, logRulesOf } from "./log-rules.ts";
import type { Partition } from "./partition.ts";
import { completeConfigs, type TopicConfigs } from "./topic-configs.ts";

export class Topic {
  readonly name: string;
  /** A topic of the same name that is created later has another id. */
  readonly id: string;
  readonly #partitions: Partition[];
  readonly #defaults: TopicConfigs;
  readonly #changed: ((topic: Topic) => void) | undefined;
  #ownConfigs!: TopicConfigs;
  #configs!: TopicConfigs;
  #batchRules!: BatchRules;
  #logRules!: LogRules;

  /** `changed` is called when it has been configured anew or has grown. */
  constructor(
    name: string,
    id: string,
    partitions: readonly Partition[],
    ownConfigs: TopicConfigs,
    defaults: TopicConfigs,
    changed?: (topic: Topic) => void,
  ) {
    this.name = name;
    this.id = id;
    this.#partitions = [...partitions];
    this.#defaults = defaults;
    this.configure(ownConfigs);
    this.#changed = changed;
  }

  get partitions(): readonly Partition[] {
    return this.#partitions;
  }
  /** All of them, defaults included. */
  get configs(): TopicConfigs {
    return this.#configs;
  }
  /** Those that were given for it. */
  get ownConfigs(): TopicConfigs {
    return this.#ownConfigs;
  }
  get batchRules(): BatchRules {
    return this.#batchRules;
  }
  get logRules(): LogRules {
    return this.#logRules;
  }
  get minInsyncReplicas(): number {
    return Number(this.#configs["min.insync.replicas"]);
  }

  /** Gives it these configurations, and the defaults for the rest. They must be right. */
  configure(ownConfigs: TopicConfigs): void {
    const configs = completeConfigs({ ...this.#defaults, ...ownConfigs });
    this.#ownConfigs = ownConfigs;
    this.#configs = configs;
    this.#batchRules = {
      maxMessageBytes: Number(configs["max.message.bytes"]),
      needsKeys: configs["cleanup.policy"]!.includes("compact"),
      timestampBeforeMaxMs: Number(configs["message.timestamp.before.max.ms"]),
      timestampAfterMaxMs: Number(configs["message.timestamp.after.max.ms"]),
      logAppendTime: configs["message.timestamp.type"] === "LogAppendTime",
      compression: storedAs(configs["compression.type"]!),
    };
    this.#logRules = logRulesOf(configs);
    for (const partition of this.#partitions) partition.log.configure(this.#logRules);
    this.#changed?.(this);
  }

  /** Adds partitions after those that are there. */
  grow(partitions: readonly Partition[]): void {
    for (const partition of partitions) partition.log.configure(this.#logRules);
    this.#partitions.push(...partitions);
    this.#changed?.(this);
  }
}

/** Undefined: as the producer has it. */
function storedAs(type: string): CompressionType | undefined {
  if (type === "producer") return undefined;
  return type === "uncompressed" ? "none" : (type as CompressionType);
}

const NAME = /^[a-zA-Z0-9._-]{1,249}$/;

/** What is wrong with a topic's name: a sentence, or undefined. */
export function nameComplaint(name: string): string | undefined {
  if (name === "." || name === "..") return `a topic cannot be named ${JSON.stringify(name)}`;
  if (NAME.test(name)) return undefined;
  return `a topic's name has 1 to 249 of the characters a-z A-Z 0-9 . _ -, unlike ${JSON.stringify(name.slice(0, 300))}`;
}
