import { defaultPartition } from "../client/default-partitioner.ts";
import type { EnqueueDraft } from "./enqueue-draft.ts";
import { partitionOf, type QueueLine } from "./queue-line.ts";
import type { Runtime } from "./runtime.ts";
import type { EntryRoute } from "./schedule-entry.ts";

/** At once where nothing has to be asked. Rejects where one of the topics is not what it has to be. */
export function entryRoute(runtime: Runtime, draft: EnqueueDraft): EntryRoute | Promise<EntryRoute> {
  const { producer, queue, schedule } = draft;
  const { topic } = schedule!;
  const [target, waiting] = [runtime.line(producer, queue), runtime.line(producer, topic)];
  try {
    const [counts, places] = [target.partitionsNow(), waiting.partitionsNow()];
    if (counts === undefined || places === undefined || !runtime.scheduleTopics.isChecked(topic))
      return askForRoute(runtime, draft, target, waiting);
    return routeAmong(draft, counts, places);
  } catch (error) {
    return Promise.reject(error);
  }
}

async function askForRoute(
  runtime: Runtime,
  draft: EnqueueDraft,
  target: QueueLine,
  waiting: QueueLine,
): Promise<EntryRoute> {
  const [counts, places] = await Promise.all([
    target.partitionCount(),
    waiting.partitionCount(),
    runtime.scheduleTopics.check(draft.schedule!.topic),
  ]);
  return routeAmong(draft, counts, places);
}

/** What has no key goes anywhere, and is fixed all the same: a move keeps its partition (S1.3). */
function routeAmong({ route, queue, key, schedule }: EnqueueDraft, counts: number, places: number): EntryRoute {
  const { entry } = schedule!;
  return {
    partition: defaultPartition(key ?? entry, places),
    target: route.key === undefined ? defaultPartition(entry, counts) : partitionOf(route, queue, counts),
  };
}
