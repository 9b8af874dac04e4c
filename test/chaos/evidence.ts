import { type DeadLetter, readLetter } from "../../src/jobs/dead-letter.ts";
import { type ProgressEntry, progressOf } from "../../src/jobs/progress-record.ts";
import { parseStateKey } from "../../src/jobs/state-topic.ts";
import type { HandedOver, Task } from "../kill/kill-run.ts";
import { type ReadRecord, readCommitted } from "../kill/read-committed.ts";
import type { Asked, ScheduleLogs } from "../support/check-schedules.ts";
import type { LedgerEntry } from "../support/ledger.ts";
import type { Call } from "./chaos-load.ts";
import type { ChaosRun } from "./chaos-run.ts";

/** A job as the queue's committed log has it. */
export interface LoggedJob {
  readonly partition: number;
  readonly offset: number;
  readonly task: Task;
}

/** How far a job with steps had got when that was saved. */
export interface SavedProgress {
  readonly place: string;
  /** How many rows were done. */
  readonly rows: number;
  readonly at: number;
}

/** All that is known of a run when it is over. */
export interface Evidence {
  /** Of all processes, with what the brokers have of them, in order of time. */
  readonly entries: readonly LedgerEntry[];
  readonly calls: readonly Call[];
  readonly growths: ChaosRun["growths"];
  /** What was enqueued in the queue, without what came there from the schedule topic. */
  readonly jobs: readonly LoggedJob[];
  /** Of what was dispatched to the queue, what has run. */
  readonly ranOfScheduled: ReadonlySet<number>;
  readonly letters: readonly DeadLetter[];
  readonly handed: readonly HandedOver[];
  readonly saved: readonly SavedProgress[];
  readonly asked: readonly Asked[];
  readonly scheduleLogs: ScheduleLogs;
  /** How long (ms) workers took to close. */
  readonly closings: readonly number[];
}

const decoder = new TextDecoder();
const payloadOf = <T>({ record }: ReadRecord): T => JSON.parse(decoder.decode(record.value!)) as T;

/** Reads what the brokers have of a run. */
export async function readEvidence(run: ChaosRun): Promise<Evidence> {
  const { queue, dead, next, schedule } = run.topics;
  const read = (topic: string): Promise<ReadRecord[]> => readCommitted(run.kafka, topic);
  const all = await read(queue);
  const isScheduled = (record: ReadRecord): boolean => payloadOf<Task>(record).n !== undefined;
  const letters = (await read(dead)).map(({ record, partition }) => readLetter(dead, partition, record));
  const nextLog = await read(next);
  const stored = await run.site.storedOffsets(run.kafka, queue);
  // A letter and the offset that passes it may be of one millisecond; it was written after all that was noted before it.
  const gone = [
    ...letters.map(({ origin, diedAt }): LedgerEntry => ({ what: "dead", ...origin!, at: diedAt.getTime() + 1 })),
    ...nextLog.map((each): LedgerEntry => {
      const { partition, offset } = payloadOf<HandedOver>(each);
      return { what: "moved", topic: queue, partition, offset, at: each.record.timestamp + 1 };
    }),
  ];
  const enqueued = all.map(
    ({ partition, record: { offset, timestamp: at } }): LedgerEntry => ({
      ...{ what: "enqueued", topic: queue, partition, offset, id: "", at },
    }),
  );
  const { ended } = run.crew.notes;
  const scheduled = all.filter(isScheduled);
  const ran = scheduled.filter(({ partition, record }) => ended.has(`${partition}/${record.offset}`));
  return {
    entries: run.crew.ledger([...enqueued, ...gone, ...stored]),
    calls: run.load.calls,
    growths: run.growths,
    jobs: all
      .filter((each) => !isScheduled(each))
      .map((each) => ({ partition: each.partition, offset: each.record.offset, task: payloadOf<Task>(each) })),
    ranOfScheduled: new Set(ran.map((each) => payloadOf<Task>(each).n!)),
    letters,
    handed: nextLog.map((each) => payloadOf<HandedOver>(each)),
    saved: (await read(`${queue}-state`).catch(noneYet)).flatMap(savedOf),
    asked: run.schedules.asked,
    scheduleLogs: {
      ...{ schedule: await read(schedule), queue: scheduled, plain: [] },
      dead: await read(`${schedule}-dead`),
    },
    closings: run.closings,
  };
}

/** The state topic is made by the first that has anything to save. */
function noneYet(error: { readonly code?: string }): ReadRecord[] {
  if (error.code === "UNKNOWN_TOPIC_OR_PARTITION") return [];
  throw error;
}

function savedOf({ record }: ReadRecord): SavedProgress[] {
  const key = parseStateKey(decoder.decode(record.key!));
  if (key?.kind !== "progress") return [];
  const { progress }: Partial<ProgressEntry> = progressOf(key, record) ?? {};
  if (progress === undefined) return [];
  const isDone = progress.steps.includes("rows");
  const rows = isDone ? Number.POSITIVE_INFINITY : Number(progress.step?.cursor ?? 0);
  return [{ place: `${key.partition}/${key.id}`, rows, at: record.timestamp }];
}
