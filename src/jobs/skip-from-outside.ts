import type { CommittedOffset, OffsetToCommit } from "../client/group-offsets.ts";
import { listOffsets } from "../client/list-offsets.ts";
import { partitionKey } from "../client/topic-partition.ts";
import { afterDiscard } from "./after-discard.ts";
import type { AppState } from "./app-state.ts";
import { decodeCommitMetadata, encodeCommitMetadata } from "./commit-metadata.ts";
import { InvalidOptionError, TopicMissingError } from "./errors.ts";
import { findTopics } from "./find-topics.ts";
import { GroupVisit, type VisitedPartition } from "./group-visit.ts";
import { Discard } from "./job-controls.ts";
import { ASK_TIMEOUT } from "./letter-partitions.ts";
import { deadLetter } from "./moved-record.ts";
import { readPartition } from "./partition-reader.ts";
import { jobInfo } from "./perform.ts";
import { type JobRecord, readJob } from "./received-job.ts";
import { placeText, type RecordPlace } from "./record-place.ts";
import { JobSkippedError, NotBlockedError } from "./worker-errors.ts";

/** Longest wait (ms) for the partition, which no worker has. */
const WAIT = 30_000;

/**
 * Lets a blocked job go while its group has no workers at all: as the group's only member for a moment, so that a worker
 * that starts meanwhile either finds the job gone or keeps it.
 */
export async function skipFromOutside(app: AppState, place: RecordPlace, to: string | undefined): Promise<void> {
  const { group } = app.settings;
  if (group === undefined) throw new InvalidOptionError("group", "missing: app.skip() needs createApp({ group })");
  await checkNobody(app, group, place);
  const stop = new AbortController();
  const closer = async (): Promise<void> => stop.abort();
  const visit = new GroupVisit(app, group, [place.topic], stop.signal);
  app.closers.add(closer);
  try {
    const visited = await partitionOf(visit, place);
    await visited.use(() => skip(app, visit, visited, place, to, stop.signal));
  } finally {
    app.closers.delete(closer);
    await visit.close();
  }
}

async function checkNobody(app: AppState, group: string, place: RecordPlace): Promise<void> {
  const [found] = await app.slot.use().kafka.admin().describeGroups([group]);
  if ((found?.members.length ?? 0) === 0) return;
  const problem =
    `no worker of this process has its partition, and group ${group} has workers elsewhere: call app.skip in the ` +
    "process that has it, or stop the group's workers and skip it then";
  throw new NotBlockedError(placeText(place), problem);
}

/** A dead letter keeps its partition (S1.3). */
export async function checkTarget(app: AppState, { partition }: RecordPlace, to: string): Promise<void> {
  const found = (await findTopics(app, [to])).get(to);
  if (found === undefined) throw new TopicMissingError([to]);
  if (partition < found.partitions) return;
  const problem = `"${to}" has ${found.partitions} partitions: a dead letter keeps its partition, ${partition}`;
  throw new InvalidOptionError("skip.deadLetter", problem);
}

async function partitionOf(visit: GroupVisit, place: RecordPlace): Promise<VisitedPartition> {
  for (;;) {
    const visited = await visit.next(WAIT);
    if (visited === undefined) throw new NotBlockedError(placeText(place), "a worker that has just started has it");
    if (visited.topic === place.topic && visited.partition === place.partition) return visited;
  }
}

async function skip(
  app: AppState,
  visit: GroupVisit,
  visited: VisitedPartition,
  place: RecordPlace,
  to: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const topicId = (await findTopics(app, [place.topic])).get(place.topic)?.topicId;
  const { commit, attempt } = withoutJob(place, topicId, await visit.committed(place));
  const record = await readRecord(app, place, signal);
  if (record === undefined) throw new NotBlockedError(placeText(place), "its record is not there any more");
  const error = to === undefined ? new Discard("it was skipped") : new JobSkippedError();
  const records = to === undefined ? [] : [deadLetter(record, place, to, error)];
  if (!(await visit.move(visited, { records, commit, offsets: [place.offset] })))
    throw new NotBlockedError(placeText(place), "a worker that has just started has it");
  await tell(app, place, record, attempt, error, to);
}

/** What the group has committed, but for the job. */
function withoutJob(
  place: RecordPlace,
  topicId: string | undefined,
  committed: CommittedOffset | undefined,
): { readonly commit: OffsetToCommit; readonly attempt: number } {
  const metadata = committed === undefined ? undefined : decodeCommitMetadata(committed.offset, committed.metadata);
  const failing = metadata?.failing.find(({ offset }) => offset === place.offset);
  if (
    committed === undefined ||
    metadata === undefined ||
    failing === undefined ||
    failing.attempt === 0 ||
    metadata.topicId !== topicId
  )
    throw new NotBlockedError(placeText(place), "it has not failed");
  const finished = new Set([...metadata.finished, place.offset]);
  let { offset } = committed;
  while (finished.has(offset)) offset++;
  const rest = {
    ...metadata,
    finished: [...finished].filter((each) => each >= offset),
    failing: metadata.failing.filter((each) => !finished.has(each.offset)),
  };
  const { topic, partition } = place;
  const { leaderEpoch } = committed;
  return {
    commit: { topic, partition, offset, leaderEpoch, metadata: encodeCommitMetadata(offset, rest) },
    attempt: failing.attempt,
  };
}

async function readRecord(app: AppState, place: RecordPlace, signal: AbortSignal): Promise<JobRecord | undefined> {
  const { kafka } = app.slot.use();
  const ends = await listOffsets(kafka.cluster, [place], "latest", ASK_TIMEOUT, signal);
  const end = Math.min(ends.get(partitionKey(place.topic, place.partition))!, place.offset + 1);
  for await (const { records } of readPartition(kafka, place, place.offset, end, signal)) {
    if (records.length > 0) return records[0];
  }
  return undefined;
}

/** As where a worker lets it go. */
async function tell(
  app: AppState,
  place: RecordPlace,
  record: JobRecord,
  attempt: number,
  error: unknown,
  to: string | undefined,
): Promise<void> {
  const job = readJob(place, record);
  // One that names no job is nobody's to be told of.
  if (job === undefined) return;
  const info = jobInfo(job, attempt);
  if (to === undefined) app.events.emit("discarded", { job: info, error });
  else app.events.emit("dead", { job: info, error, to: { topic: to, partition: place.partition } });
  const definition = app.registry.find(job.name);
  await afterDiscard(app, definition, job, attempt, error);
}
