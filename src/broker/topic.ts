import type { BatchRules } from "./batch-check.ts";
import type { Partition } from "./partition.ts";
import { completeConfigs, type TopicConfigs } from "./topic-configs.ts";

export interface Topic {
  readonly name: string;
  /** A topic of the same name that is created later has another id. */
  readonly id: string;
  readonly partitions: readonly Partition[];
  /** All of them, defaults included. */
  readonly configs: TopicConfigs;
  /** Those that were given when it was created. */
  readonly ownConfigs: TopicConfigs;
  readonly batchRules: BatchRules;
  readonly minInsyncReplicas: number;
}

export function createTopicState(
  name: string,
  id: string,
  partitions: readonly Partition[],
  ownConfigs: TopicConfigs,
  defaults: TopicConfigs,
): Topic {
  const configs = completeConfigs({ ...defaults, ...ownConfigs });
  const batchRules: BatchRules = {
    maxMessageBytes: Number(configs["max.message.bytes"]),
    needsKeys: configs["cleanup.policy"]!.includes("compact"),
    timestampBeforeMaxMs: Number(configs["message.timestamp.before.max.ms"]),
    timestampAfterMaxMs: Number(configs["message.timestamp.after.max.ms"]),
    logAppendTime: configs["message.timestamp.type"] === "LogAppendTime",
  };
  const minInsyncReplicas = Number(configs["min.insync.replicas"]);
  return { name, id, partitions, configs, ownConfigs, batchRules, minInsyncReplicas };
}

const NAME = /^[a-zA-Z0-9._-]{1,249}$/;

/** What is wrong with a topic's name: a sentence, or undefined. */
export function nameComplaint(name: string): string | undefined {
  if (name === "." || name === "..") return `a topic cannot be named ${JSON.stringify(name)}`;
  if (NAME.test(name)) return undefined;
  return `a topic's name has 1 to 249 of the characters a-z A-Z 0-9 . _ -, unlike ${JSON.stringify(name.slice(0, 300))}`;
}
