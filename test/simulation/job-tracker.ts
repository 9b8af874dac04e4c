import {
  AT_HEADER,
  ATTEMPT_HEADER,
  ID_HEADER,
  ORIGIN_HEADER,
  PROGRESS_HEADER,
  REDRIVE_HEADER,
  RESUMPTION_HEADER,
  RETRIES_HEADER,
  TICK_HEADER,
  VERDICT_HEADER,
} from "../../src/jobs/headers.ts";
import { decodeProgress, type Progress } from "../../src/jobs/progress.ts";
import { headerTextOf } from "../../src/jobs/received-job.ts";
import { placeText, type RecordPlace } from "../../src/jobs/record-place.ts";
import { readRecurring } from "../../src/jobs/recurring-record.ts";
import { parseStateKey, stateTopic } from "../../src/jobs/state-topic.ts";
import type { LedgerNote } from "../support/ledger.ts";
import type { SeenRecord } from "./log-watcher.ts";
import { type Plan, rowsOf } from "./plan.ts";
import { GROUP, type QueueName, WINDOW } from "./shape.ts";
import { TickLog } from "./tick-log.ts";

/** A record of a queue that is committed. */
export interface QueuedRecord extends RecordPlace {
  readonly topic: QueueName;
  readonly timestamp: number;
  /** Whether it was moved there: by a retry, a resumption, a redrive or its dispatch. */
  readonly isMoved: boolean;
  /** All that tells it from other records of the job. */
  readonly counters: string;
  /** Of a queue that looks for duplicates: one with its id came before it. */
  readonly isDuplicate: boolean;
  /** It has gone elsewhere. */
  isGone: boolean;
}

/** A record of a schedule topic that is committed. */
export interface EntryRecord {
  readonly entry: string;
  readonly offset: number;
  /** Undefined: it ends the entry, or says that there is none. */
  readonly due: number | undefined;
  readonly verdict: string | undefined;
  /** Whether a job was moved there from its queue, and what tells it then from its other records. */
  readonly isMoved: boolean;
  readonly counters: string;
}

/** All that is committed of one job, or one message. */
export interface JobHistory {
  readonly queued: QueuedRecord[];
  readonly plain: { readonly partition: number; readonly offset: number; readonly timestamp: number }[];
  readonly entries: EntryRecord[];
  /** How often it had been redriven, of each of its dead letters. */
  readonly letters: string[];
}

const COUNTERS = [ATTEMPT_HEADER, RETRIES_HEADER, RESUMPTION_HEADER, REDRIVE_HEADER] as const;
const STATE = stateTopic(GROUP);
const decoder = new TextDecoder();

/** Follows each job through all records that it is moved through, and notes in a ledger what that means for its queue. */
export class JobTracker {
  readonly problems: string[] = [];
  /** Requests about entries that nobody has answered. */
  readonly requests: Set<string> = new Set();
  readonly ticks: TickLog = new TickLog();
  /** By the numbers of their plans. */
  readonly #histories = new Map<number, JobHistory>();
  readonly #entries = new Map<string, Pick<EntryRecord, "isMoved" | "counters"> & { readonly n: number }>();
  readonly #places = new Map<string, QueuedRecord>();
  readonly #parked = new Map<string, number>();
  readonly #progress = new Map<string, Progress>();
  readonly #carried = new Map<string, Progress>();
  readonly #ids = new Map<string, number[]>();
  readonly #looksForDuplicates: boolean;
  readonly #note: (entry: LedgerNote) => void;

  constructor(looksForDuplicates: boolean, note: (entry: LedgerNote) => void) {
    this.#looksForDuplicates = looksForDuplicates;
    this.#note = note;
  }

  history(n: number): JobHistory {
    let found = this.#histories.get(n);
    if (found === undefined) {
      found = { queued: [], plain: [], entries: [], letters: [] };
      this.#histories.set(n, found);
    }
    return found;
  }

  get numbers(): Iterable<number> {
    return this.#histories.keys();
  }
  /** Places in queues of jobs that are parked. */
  get parked(): number {
    return this.#parked.size;
  }
  /** Progress that is kept of jobs. */
  get saved(): readonly string[] {
    return [...this.#progress.keys()];
  }

  /** Undefined: no committed record is there. */
  queuedAt(place: RecordPlace): QueuedRecord | undefined {
    return this.#places.get(placeText(place));
  }
  isParkedAt(place: RecordPlace): boolean {
    return this.#parked.has(placeText(place));
  }

  /** Rows that are done for good, so far as what is committed says. */
  savedRows(place: RecordPlace, plan: Plan): number {
    const progress = this.#progress.get(placeText(place)) ?? this.#carried.get(placeText(place));
    if (progress === undefined) return 0;
    const finished = plan.steps.slice(0, progress.steps.length);
    return rowsOf({ ...plan, steps: finished }) + Number(progress.step?.cursor ?? 0);
  }

  saw({ topic, partition, record }: SeenRecord): void {
    const key = record.key === null ? "" : decoder.decode(record.key);
    if (topic === "jobs" || topic === "loose") return this.#sawQueued({ topic, partition, record });
    if (topic === "later") return this.#sawEntry(record, key);
    if (topic === STATE) return this.#sawState(record, key);
    const history = this.history(numberOf(record));
    if (topic === "plain") history.plain.push({ partition, offset: record.offset, timestamp: record.timestamp });
    else if (topic === "dead") {
      history.letters.push(headerTextOf(record, REDRIVE_HEADER) ?? "0");
      this.#leave(history, "dead");
    } else if (topic === "later-dead") this.problems.push(`S7.4 job ${numberOf(record)} was not dispatched`);
  }

  #sawQueued({ topic, partition, record }: SeenRecord): void {
    const plan = JSON.parse(decoder.decode(record.value!)) as Plan;
    const n = numberOf(record);
    const history = this.history(n);
    const isMoved = headerTextOf(record, ORIGIN_HEADER) !== undefined;
    if (n < 0 && !isMoved) this.ticks.sawTick(-n);
    if (isMoved) this.#leave(history, "moved");
    // What hands over is finished with that.
    if (plan.parent !== undefined) this.#leave(this.history(plan.parent), "moved");
    const place = { topic: topic as QueueName, partition, offset: record.offset };
    const queued: QueuedRecord = {
      ...{ ...place, timestamp: record.timestamp, isMoved, counters: countersOf(record), isGone: false },
      isDuplicate: this.#looksForDuplicates && !isMoved && this.#isDuplicate(place, record),
    };
    history.queued.push(queued);
    this.#places.set(placeText(place), queued);
    const carried = headerTextOf(record, PROGRESS_HEADER);
    if (carried !== undefined) this.#carried.set(placeText(place), decodeProgress(carried)!);
    this.#note({ what: "enqueued", ...place, id: String(n), key: plan.key });
    if (queued.isDuplicate) this.#leave(history, "moved");
  }

  #isDuplicate(place: RecordPlace, record: SeenRecord["record"]): boolean {
    const id = `${place.topic}/${place.partition}/${headerTextOf(record, ID_HEADER)}`;
    const earlier = this.#ids.get(id) ?? [];
    this.#ids.set(id, earlier);
    const isDuplicate = earlier.some((timestamp) => record.timestamp - timestamp <= WINDOW);
    earlier.push(record.timestamp);
    return isDuplicate;
  }

  /** What of the job is in a queue has gone elsewhere. */
  #leave({ queued }: JobHistory, what: "moved" | "dead" | "parked"): void {
    const last = queued.at(-1);
    if (last === undefined || last.isGone) return;
    last.isGone = true;
    const { topic, partition, offset } = last;
    const place = { topic, partition, offset };
    this.#note(what === "dead" ? { what, ...place } : { what: "moved", ...place, isParked: what === "parked" });
  }

  #sawEntry(record: SeenRecord["record"], entry: string): void {
    if (entry.startsWith("request/")) return void this.requests[record.value === null ? "delete" : "add"](entry);
    const known = this.#entries.get(entry);
    if (known === undefined && record.value === null)
      return void this.problems.push(`S7.5 an end of ${entry}, which never was`);
    const { n, isMoved, counters } = known ?? {
      n: numberOf(record),
      isMoved: headerTextOf(record, ORIGIN_HEADER) !== undefined,
      counters: countersOf(record),
    };
    this.#entries.set(entry, { n, isMoved, counters });
    const history = this.history(n);
    history.entries.push({
      ...{ entry, offset: record.offset, isMoved, counters },
      due: record.value === null ? undefined : Date.parse(headerTextOf(record, AT_HEADER)!),
      verdict: headerTextOf(record, VERDICT_HEADER),
    });
    if (isMoved && known === undefined) this.#leave(history, "moved");
  }

  #sawState(record: SeenRecord["record"], text: string): void {
    const key = parseStateKey(text);
    if (key === undefined) return;
    const place = `${key.topic}/${key.partition}/${key.id}`;
    if (key.kind === "progress") {
      if (record.value === null) this.#progress.delete(place);
      else this.#progress.set(place, decodeProgress(decoder.decode(record.value))!);
    }
    if (key.kind === "recurring") this.ticks.sawState(readRecurring(key.id, record.value)!.last);
    if (key.kind !== "park") return;
    const n = record.value === null ? this.#parked.get(place) : numberOf(record);
    if (n === undefined) return;
    if (record.value === null) this.#parked.delete(place);
    else this.#parked.set(place, n);
    this.#leave(this.history(n), "parked");
  }
}

/** Of a tick: one that no plan has. */
function numberOf(record: SeenRecord["record"]): number {
  const tick = headerTextOf(record, TICK_HEADER);
  return tick === undefined ? (JSON.parse(decoder.decode(record.value!)) as Plan).n : -Date.parse(tick);
}

function countersOf(record: SeenRecord["record"]): string {
  return COUNTERS.map((name) => headerTextOf(record, name) ?? "").join("/");
}
