import { ErrorCode } from "../../protocol/errors.ts";
import type { AlterableConfig } from "../../protocol/messages/44-incremental-alter-configs.ts";
import type { Topic } from "./topic.ts";
import { configComplaint, isListConfig, type TopicConfigs } from "./topic-configs.ts";
import { TopicRefused } from "./topic-creation.ts";

const SET = 0;
const DELETE = 1;
const APPEND = 2;
const SUBTRACT = 3;

/** What a topic's own configurations are after these changes (KIP-339). Throws {@link TopicRefused}. */
export function alteredConfigs(topic: Topic, changes: readonly AlterableConfig[]): TopicConfigs {
  const own: Record<string, string> = { ...topic.ownConfigs };
  const seen = new Set<string>();
  for (const { name, configOperation, value } of changes) {
    if (seen.has(name)) throw new TopicRefused(ErrorCode.INVALID_REQUEST, `${name} is changed more than once`);
    seen.add(name);
    if (configOperation === DELETE) {
      delete own[name];
      continue;
    }
    const changed = changedValue(name, configOperation, value, topic.configs[name] ?? "");
    const complaint = configComplaint(name, changed);
    if (complaint !== undefined) throw new TopicRefused(ErrorCode.INVALID_CONFIG, complaint);
    own[name] = changed;
  }
  return own;
}

function changedValue(name: string, operation: number, value: string | null, present: string): string {
  if (value === null) throw new TopicRefused(ErrorCode.INVALID_REQUEST, `${name} has no value`);
  if (operation === SET) return value;
  if (operation !== APPEND && operation !== SUBTRACT) {
    throw new TopicRefused(ErrorCode.INVALID_REQUEST, `there is no operation ${operation} on settings`);
  }
  if (!isListConfig(name)) {
    throw new TopicRefused(ErrorCode.INVALID_CONFIG, `${name} is no list: nothing can be added to or taken from it`);
  }
  const before = present.split(",").filter((item) => item !== "");
  const items = value.split(",");
  const after =
    operation === APPEND
      ? [...before, ...items.filter((item) => !before.includes(item))]
      : before.filter((item) => !items.includes(item));
  return after.join(",");
}
