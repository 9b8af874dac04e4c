import { KafkaError } from "../client/errors.ts";
import { MAX_SPAN } from "./commit-metadata.ts";
import { readLetter } from "./dead-letter.ts";
import { LetterTooFarError, NoSuchLetterError } from "./dead-letter-errors.ts";
import type { FinishedOffsets } from "./finished-offsets.ts";
import type { GroupVisit, VisitedPartition } from "./group-visit.ts";
import { redriven } from "./moved-record.ts";
import { namedError, TOO_LARGE } from "./named-error.ts";
import type { Pace } from "./pace.ts";
import type { ReadBatch } from "./partition-reader.ts";
import type { JobRecord } from "./received-job.ts";
import { placeText, type RecordPlace } from "./record-place.ts";
import type { DeadLetterFailure, PlannedPartition } from "./redrive-plan.ts";

/** What is told of the letters that were to be dealt with. */
export interface LetterReports {
  /** One has gone `to` its queue, or nowhere. */
  moved(to: string | undefined): void;
  failed(failure: DeadLetterFailure): void;
}

/** Letters that go in one transaction take so many bytes at most, or are one. */
const MAX_STEP_BYTES = 1024 * 1024;
/** What is wrong with one letter, and need not keep the others. */
const OF_ONE_LETTER: ReadonlySet<string> = new Set([
  ...[...TOO_LARGE, "INVALID_RECORD"],
  ...["UNKNOWN_TOPIC_OR_PARTITION", "TOPIC_AUTHORIZATION_FAILED"],
]);

/**
 * Moves the chosen letters of one partition, in order, some in a transaction. What it has moved, or given up, is no
 * longer among the chosen ones.
 */
export class LetterMover {
  readonly #visit: GroupVisit;
  readonly #visited: VisitedPartition;
  readonly #plan: PlannedPartition;
  readonly #pace: Pace;
  readonly #reports: LetterReports;
  #finished: FinishedOffsets;
  /** Letters that were passed by, and stay. Only the first is of importance. */
  #firstLeft: number | undefined;
  #step: JobRecord[] = [];
  #stepBytes = 0;

  /** `finished`: as committed when the partition was taken over. */
  constructor(
    visit: GroupVisit,
    visited: VisitedPartition,
    plan: PlannedPartition,
    finished: FinishedOffsets,
    pace: Pace,
    reports: LetterReports,
  ) {
    this.#visit = visit;
    this.#visited = visited;
    this.#plan = plan;
    this.#finished = finished;
    this.#pace = pace;
    this.#reports = reports;
  }

  /** Takes in what was read next, from `finished` on. False: the partition is wanted elsewhere. */
  async take({ records, nextOffset }: ReadBatch): Promise<boolean> {
    const { chosen } = this.#plan;
    for (const record of records) {
      const { offset } = record;
      if (this.#finished.has(offset)) continue;
      if (!chosen.has(offset)) {
        // What goes before it goes first: which letter is the first that stays must be known by then.
        if (this.#firstLeft === undefined && !(await this.#moveStep(offset))) return false;
        this.#firstLeft ??= offset;
        continue;
      }
      if (this.#isFull(record) && !(await this.#moveStep(offset))) return false;
      this.#step.push(record);
      this.#stepBytes += sizeOf(record);
    }
    return this.#moveStep(nextOffset);
  }

  #isFull(next: JobRecord): boolean {
    if (this.#step.length === 0) return false;
    return this.#step.length >= this.#pace.step || this.#stepBytes + sizeOf(next) > MAX_STEP_BYTES;
  }

  #isTooFar(offset: number): boolean {
    const first = this.#firstLeft;
    if (first === undefined || offset - first < MAX_SPAN) return false;
    const place = this.#placeOf(offset);
    this.#giveUp(offset, new LetterTooFarError(placeText(place), first, MAX_SPAN));
    return true;
  }

  #placeOf(offset: number): RecordPlace {
    const { topic, partition } = this.#plan;
    return { topic, partition, offset };
  }

  #giveUp(offset: number, error: Error): void {
    this.#plan.chosen.delete(offset);
    this.#reports.failed({ ...this.#placeOf(offset), error });
  }

  /** All chosen letters have been read: those that are left are not there. */
  readAll(): void {
    for (const offset of [...this.#plan.chosen.keys()])
      this.#giveUp(offset, new NoSuchLetterError(placeText(this.#placeOf(offset)), "it was deleted meanwhile"));
  }

  /** All below `upTo` has been read. */
  async #moveStep(upTo: number): Promise<boolean> {
    const records = this.#step.filter(({ offset }) => !this.#isTooFar(offset));
    this.#step = [];
    this.#stepBytes = 0;
    if (records.length === 0) return !this.#visited.leave.aborted;
    await this.#pace.take(records.length, this.#visited.leave);
    if (this.#visited.leave.aborted) return false;
    try {
      return await this.#move(records, upTo);
    } catch (error) {
      if (!isOfOneLetter(error)) throw error;
      return this.#moveEach(records, upTo, error);
    }
  }

  /** One of them is refused: which, shows when they go one by one. */
  async #moveEach(records: readonly JobRecord[], upTo: number, refusal: KafkaError): Promise<boolean> {
    for (const [i, record] of records.entries()) {
      if (this.#isTooFar(record.offset)) continue;
      try {
        if (records.length === 1) throw refusal;
        if (!(await this.#move([record], records[i + 1]?.offset ?? upTo))) return false;
      } catch (error) {
        if (!isOfOneLetter(error)) throw error;
        const { topic, partition, chosen } = this.#plan;
        const name = readLetter(topic, partition, record).job ?? "";
        this.#giveUp(record.offset, namedError(error, name, chosen.get(record.offset) ?? topic) as Error);
        this.#firstLeft ??= record.offset;
      }
    }
    return true;
  }

  async #move(records: readonly JobRecord[], upTo: number): Promise<boolean> {
    const { topic, partition, topicId, chosen } = this.#plan;
    const offsets = records.map(({ offset }) => offset);
    const finished = this.#finished.and(offsets, upTo, this.#firstLeft);
    const jobs = records.flatMap((record) => {
      const to = chosen.get(record.offset);
      if (to === undefined) return [];
      const { redrives } = readLetter(topic, partition, record);
      return [redriven(record, this.#placeOf(record.offset), to, redrives + 1)];
    });
    const commit = finished.toCommit({ topic, partition }, topicId);
    if (!(await this.#visit.move(this.#visited, { records: jobs, commit, offsets }))) return false;
    this.#finished = finished;
    for (const offset of offsets) {
      this.#reports.moved(chosen.get(offset));
      chosen.delete(offset);
    }
    return true;
  }
}

function isOfOneLetter(error: unknown): error is KafkaError {
  return error instanceof KafkaError && OF_ONE_LETTER.has(error.code);
}

function sizeOf({ key, value }: JobRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0);
}
