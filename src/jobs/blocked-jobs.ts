import { Coordinator } from "../client/coordinator.ts";
import { fetchOffsets } from "../client/group-offsets.ts";
import type { AppState } from "./app-state.ts";
import { checkOptions, within } from "./check-options.ts";
import { decodeCommitMetadata } from "./commit-metadata.ts";
import { InvalidOptionError } from "./errors.ts";
import { ASK_TIMEOUT } from "./letter-partitions.ts";
import { checkPlace, type RecordPlace } from "./record-place.ts";
import { checkTarget, skipFromOutside } from "./skip-from-outside.ts";
import { checkTopicName } from "./topic-name.ts";
import { BLOCKED_FROM } from "./verdict.ts";

/** A job that has failed and holds its partition, as what the group has committed tells of it. */
export interface BlockedJob extends RecordPlace {
  /** How often it has failed. */
  readonly attempt: number;
  /** When it is tried again. Undefined: it has waited long enough, and is tried now. */
  readonly nextRetryAt: Date | undefined;
}

export interface SkipOptions {
  /** The topic to put the job into, as a dead letter; it has to have the job's partition. Default: nowhere. */
  readonly deadLetter?: string | undefined;
}

/** Every job of the app's group that has failed three times or more and is tried in place, whichever process runs it. */
export async function blockedJobs(app: AppState): Promise<BlockedJob[]> {
  const { group } = app.settings;
  if (group === undefined) throw new InvalidOptionError("group", "missing: app.blocked() needs createApp({ group })");
  const offsets = await app.slot.use().kafka.admin().groupOffsets(group);
  return offsets.flatMap(({ topic, partition, offset: committed, metadata }) => {
    const failing = readFailing(committed, metadata);
    return failing
      .filter(({ attempt }) => attempt >= BLOCKED_FROM)
      .map(({ offset, attempt, nextRetryAt }) => ({
        ...{ topic, partition, offset, attempt },
        nextRetryAt: nextRetryAt === 0 ? undefined : new Date(nextRetryAt),
      }));
  });
}

/** Metadata that something else wrote tells of no job. */
function readFailing(
  offset: number,
  metadata: string,
): NonNullable<ReturnType<typeof decodeCommitMetadata>>["failing"] {
  try {
    return decodeCommitMetadata(offset, metadata)?.failing ?? [];
  } catch {
    return [];
  }
}

/** Lets a blocked job go, in the worker of this process that has its partition, or where the group has no worker at all. */
export async function skipJob(app: AppState, place: unknown, options: unknown): Promise<void> {
  const from = checkPlace(place, "skip");
  const { deadLetter } = checkOptions(options, "skip", ["deadLetter"]);
  const to = deadLetter === undefined ? undefined : checkTopicName(deadLetter, within("skip", "deadLetter"));
  if (to === from.topic || (to !== undefined && app.registry.queues.includes(to)))
    throw new InvalidOptionError("skip.deadLetter", `"${to}" is a queue of the app: the job would be run again`);
  if (to !== undefined) await checkTarget(app, from, to);
  const worker = [...app.workers].find((each) => each.has(from));
  if (worker === undefined) await skipFromOutside(app, from, to);
  else await worker.skip(from, to);
  await untilSeen(app, from);
}

/**
 * A transaction's end is answered before the group's offsets show it: {@link blockedJobs} might still tell of the job.
 * Where it cannot be seen, it is skipped all the same.
 */
async function untilSeen(app: AppState, place: RecordPlace): Promise<void> {
  try {
    const coordinator = new Coordinator(app.slot.use().kafka.cluster, app.settings.group!);
    await fetchOffsets(coordinator, [place], ASK_TIMEOUT);
  } catch {
    // As above.
  }
}
