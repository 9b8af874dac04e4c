import type { HeaderInput, ProducerRecord } from "../client/producer-record.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import { ATTEMPT_HEADER, PROGRESS_HEADER, RESUMPTION_HEADER, TOPIC_ID_HEADER } from "./headers.ts";
import { decodeProgress, encodeProgress, NO_PROGRESS, type Progress } from "./progress.ts";
import { headerTextOf, type JobRecord, type ReceivedJob } from "./received-job.ts";
import type { RecordPlace } from "./record-place.ts";
import { type StateKey, stateKey } from "./state-topic.ts";
import { StepError } from "./step-errors.ts";

const decoder = new TextDecoder();

/** Progress that the group's state topic has. */
export interface ProgressEntry {
  /** In the queue's partition. */
  readonly offset: number;
  readonly topicId: string;
  /** Undefined: this version cannot read it. */
  readonly progress: Progress | undefined;
}

export function progressKey({ topic, partition, offset }: RecordPlace): StateKey {
  return { kind: "progress", topic, partition, id: String(offset) };
}

/** The progress of the job at `of` as its group's state topic keeps it, at `to` (S7.9). */
export function progressRecord(
  of: RecordPlace,
  to: TopicPartition,
  topicId: string,
  progress: Progress,
): ProducerRecord {
  return {
    ...to,
    key: stateKey(progressKey(of)),
    value: encodeProgress(progress),
    headers: [[TOPIC_ID_HEADER, topicId]],
  };
}

/** What such a record says; undefined: nothing, it is a tombstone. */
export function progressOf({ id }: StateKey, record: JobRecord): ProgressEntry | undefined {
  const { value } = record;
  if (value === null) return undefined;
  return {
    offset: Number(id),
    topicId: headerTextOf(record, TOPIC_ID_HEADER) ?? "",
    progress: decodeProgress(decoder.decode(value)),
  };
}

/** What a job that is re-enqueued takes along of its progress. */
export function progressHeaders(progress: Progress): HeaderInput[] {
  return [
    [RESUMPTION_HEADER, String(progress.resumptions)],
    [PROGRESS_HEADER, encodeProgress({ ...progress, resumptions: 0, resumeAt: 0 })],
  ];
}

/** How often a re-enqueued job was interrupted. */
export function carriedResumptions(job: ReceivedJob): number {
  const count = Number(job.text(RESUMPTION_HEADER) ?? 0);
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}

/** The progress that a re-enqueued job brings with it. Throws a `StepError` where it cannot be read. */
export function carriedProgress(job: ReceivedJob): Progress {
  const [text, resumptions] = [job.text(PROGRESS_HEADER), carriedResumptions(job)];
  if (text === undefined) return resumptions === 0 ? NO_PROGRESS : { ...NO_PROGRESS, resumptions };
  const progress = decodeProgress(text);
  if (progress !== undefined) return { ...progress, resumptions };
  const problem = `the header ${PROGRESS_HEADER}, which says where it goes on, cannot be read here: deploy the version that wrote it`;
  throw new StepError("PROGRESS_UNREADABLE", job.name, "", problem);
}

/** Whether a record was made by a retry or a resumption: it is as old as the job is, and not as itself. */
export function isReenqueued({ headers }: JobRecord): boolean {
  return headers.some(([name]) => name === ATTEMPT_HEADER || name === RESUMPTION_HEADER);
}
