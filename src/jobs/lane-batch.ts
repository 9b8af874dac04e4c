import type { Timer } from "../net/clock.ts";
import type { ReceivedJob } from "./received-job.ts";
import type { BufferedRecord } from "./record-buffer.ts";

/** A job that belongs to a batch. */
export interface BatchedJob {
  readonly record: BufferedRecord;
  /** Undefined where the record names none. */
  readonly received: ReceivedJob | undefined;
  readonly lane: Lane;
}

/** Jobs of a batch that run one after the other, in offset order. */
export class Lane {
  #jobs: (BatchedJob | undefined)[] = [];
  #head = 0;
  /** Its first job runs, or is being ended. */
  isBusy = false;
  /** Its first job waits for its time. */
  wait: Timer | undefined;

  get first(): BatchedJob | undefined {
    return this.#jobs[this.#head];
  }
  get length(): number {
    return this.#jobs.length - this.#head;
  }

  push(job: BatchedJob): void {
    this.#jobs.push(job);
  }

  /** Puts a job before all others. */
  unshift(job: BatchedJob): void {
    this.#jobs = [job, ...this.#jobs.slice(this.#head)];
    this.#head = 0;
  }

  /** Lets go of the first job and of its bytes. */
  shift(): void {
    this.#jobs[this.#head++] = undefined;
  }

  /** What was begun under an earlier owner comes first: whatever of its key was before it is finished. */
  putFirst(isBegun: (job: BatchedJob) => boolean): void {
    const jobs = this.#jobs as BatchedJob[];
    this.#jobs = [...jobs.filter(isBegun), ...jobs.filter((job) => !isBegun(job))];
  }

  /** Keeps only what is under way. Gives what was let go. */
  drop(): readonly BatchedJob[] {
    const gone = this.#jobs.slice(this.#head + (this.isBusy ? 1 : 0)) as BatchedJob[];
    this.#jobs = this.isBusy ? [this.first] : [];
    this.#head = 0;
    this.cancelWait();
    return gone;
  }

  cancelWait(): void {
    this.wait?.cancel();
    this.wait = undefined;
  }
}

/** Jobs that are finished together: the partition stands at the first of them until all have ended (S5.3). */
export class LaneBatch {
  readonly start: number;
  readonly lanes: readonly Lane[];
  /** Lanes whose first job may start, longest ready first. */
  readonly ready: Lane[] = [];
  /** Jobs that were running when their process died: they run first, by themselves (S4.8). In offset order. */
  readonly suspects: BatchedJob[] = [];
  #left: number;
  #byteLength = 0;

  /** `laneOf`: the lane of each record; `isSuspect`, `isBegun`: what is known of it from earlier owners. */
  constructor(
    records: readonly BufferedRecord[],
    jobs: readonly (ReceivedJob | undefined)[],
    laneOf: readonly number[],
    known:
      | { readonly isSuspect: (offset: number) => boolean; readonly isBegun: (offset: number) => boolean }
      | undefined,
  ) {
    this.start = records[0]!.offset;
    this.#left = records.length;
    const lanes: (Lane | undefined)[] = [];
    for (const [i, record] of records.entries()) {
      lanes[laneOf[i]!] ??= new Lane();
      const lane = lanes[laneOf[i]!]!;
      const job: BatchedJob = { record, received: jobs[i], lane };
      this.#byteLength += record.byteLength;
      if (known?.isSuspect(record.offset)) this.suspects.push(job);
      else lane.push(job);
    }
    this.lanes = lanes.filter((lane) => lane !== undefined);
    if (known !== undefined) for (const lane of this.lanes) lane.putFirst(({ record }) => known.isBegun(record.offset));
    for (const lane of this.lanes) if (lane.first !== undefined) this.ready.push(lane);
  }

  /** Jobs that have not ended. */
  get left(): number {
    return this.#left;
  }
  /** Bytes of their records. */
  get byteLength(): number {
    return this.#byteLength;
  }
  /** When the oldest of them was written: ms since 1970. */
  get since(): number {
    const firsts = [...this.suspects, ...this.lanes.flatMap(({ first }) => first ?? [])];
    return Math.min(...firsts.map(({ record }) => record.timestamp));
  }
  /** Whether a timer will start one of them. */
  get isWaiting(): boolean {
    return this.lanes.some(({ wait }) => wait !== undefined);
  }

  /** The first suspect whose lane does not wait for another job. */
  get nextSuspect(): BatchedJob | undefined {
    return this.suspects.find(({ lane }) => !lane.isBusy);
  }

  /** The suspect becomes the first job of its lane, and is under way. */
  beginSuspect(job: BatchedJob): void {
    this.suspects.splice(this.suspects.indexOf(job), 1);
    job.lane.unshift(job);
    this.begin(job.lane);
  }

  /** The first job of the lane is under way. */
  begin(lane: Lane): void {
    const at = this.ready.indexOf(lane);
    if (at >= 0) this.ready.splice(at, 1);
    lane.isBusy = true;
  }

  /** The first job of the lane is finished. */
  finished(lane: Lane): void {
    this.#left--;
    this.#byteLength -= lane.first!.record.byteLength;
    lane.shift();
    this.goOn(lane);
  }

  /** Nothing of the lane is under way any more. */
  goOn(lane: Lane): void {
    lane.isBusy = false;
    if (lane.first !== undefined) this.ready.push(lane);
  }

  /** Keeps only what is under way. The batch cannot end where something else was left. */
  drop(): void {
    for (const { record } of [...this.suspects.splice(0), ...this.lanes.flatMap((lane) => lane.drop())])
      this.#byteLength -= record.byteLength;
    this.ready.length = 0;
  }
}
