import { ProtocolError } from "../client/errors.ts";
import type { AppState } from "./app-state.ts";

const UNKNOWN_TOPIC = 3;

/** How many partitions each topic has, and its id; one that does not exist is missing. Creates none. */
export async function findTopics(
  app: AppState,
  names: readonly string[],
): Promise<Map<string, { readonly topicId: string; readonly partitions: number }>> {
  const found = new Map<string, { readonly topicId: string; readonly partitions: number }>();
  for (const { name, topicId, partitions, errorCode } of await app.slot.use().kafka.admin().describeTopics(names)) {
    if (errorCode === 0) found.set(name, { topicId, partitions });
    else if (errorCode !== UNKNOWN_TOPIC) throw new ProtocolError(errorCode, `describe topic ${name}`, { topic: name });
  }
  return found;
}
