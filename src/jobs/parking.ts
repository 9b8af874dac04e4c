import type { ProducerRecord, RecordMetadata } from "../client/producer-record.ts";
import { uuidv7 } from "../net/clock.ts";
import { Discard } from "./job-controls.ts";
import { partitionedBy } from "./lane-placement.ts";
import { type FinishingMove, finishing, type Move, type MoveSource } from "./moves.ts";
import { type ParkedKey, ParkedKeys } from "./parked-keys.ts";
import { parkedBy, parkedRecord, requestRecord, tombstone, unparkedRecord } from "./parked-record.ts";
import type { Outcome, PartitionAttempts } from "./partition-attempts.ts";
import type { FailedAttempt, PartitionFailures } from "./partition-failures.ts";
import { jobInfo } from "./perform.ts";
import { type ReceivedJob, readJob } from "./received-job.ts";
import type { BufferedRecord } from "./record-buffer.ts";
import type { StartGate } from "./start-gate.ts";
import type { LoadedState, StateReader } from "./state-reader.ts";
import type { StateRequest } from "./state-scan.ts";
import { type StateKey, stateKey } from "./state-topic.ts";
import { type FailureCounts, NO_FAILURES, unruled } from "./verdict.ts";
import type { WorkerContext } from "./worker-context.ts";
import { ProcessDiedError } from "./worker-errors.ts";

/** Milliseconds before a parked job that could not be read is asked for again. */
const LOAD_RETRY = 1_000;
/** Released keys of which a job is in memory: as many as a queue has lanes at most. The others wait in the state topic. */
const IN_HAND = 64;

export interface ParkingParts {
  readonly context: WorkerContext;
  readonly state: StateReader;
  readonly source: MoveSource;
  readonly failures: PartitionFailures;
  readonly attempts: PartitionAttempts;
  readonly gate: StartGate;
  /** Something may start now. */
  readonly pump: () => void;
}

/**
 * The jobs of one partition that are parked (S4.6): one that has failed for good, and every later one of its key, wait in
 * the group's state topic until somebody has them released. Then they run in order, here, while newcomers are parked
 * behind them. All that it writes goes with the partition's commit, so that an old owner writes nothing.
 */
export class Parking {
  readonly topic: string;
  readonly partition: number;
  readonly #parts: ParkingParts;
  readonly #keys = new ParkedKeys();
  #isOver = false;

  constructor(parts: ParkingParts) {
    this.#parts = parts;
    this.topic = parts.source.topic;
    this.partition = parts.source.partition;
  }

  /** `wasOpen`: the last owner died while jobs were started. */
  begin(loaded: LoadedState, wasOpen: boolean): void {
    const idle = this.#keys.begin(loaded, wasOpen);
    this.#parts.state.follow(this, loaded.upTo);
    for (const request of idle) this.#forget(request.key);
  }

  /** Keys that are parked, and jobs. */
  get counts(): { readonly keys: number; readonly jobs: number } {
    let jobs = 0;
    for (const key of this.#keys) jobs += key.jobs.length;
    return { keys: this.#keys.size, jobs };
  }

  get isWaiting(): boolean {
    return [...this.#keys].some(({ wait }) => wait !== undefined);
  }

  /** What ends a job where jobs of its key are parked: it is parked behind them. Undefined: there are none. */
  endOf(record: BufferedRecord): (() => Promise<boolean>) | undefined {
    if (this.#keys.size === 0) return undefined;
    const by = this.#byOf(record, readJob(this, record));
    return this.#keys.get(by) === undefined ? undefined : () => this.#parkBehind(record, by);
  }

  /** Order is kept for what a queue's own partitioner of lanes says, where it has one. */
  #byOf(record: BufferedRecord, job: ReceivedJob | undefined): string {
    const { context } = this.#parts;
    const partitioner = context.queueOf(this.topic).virtualPartitions?.partitioner;
    if (partitioner === undefined || job === undefined) return parkedBy(job?.key, record.offset);
    try {
      return parkedBy(partitionedBy(partitioner, job, context.app.settings.serializer), record.offset);
    } catch {
      return parkedBy(job.key, record.offset);
    }
  }

  /** Whether the job is parked here. */
  has(offset: number): boolean {
    return this.#keys.ofJob(offset) !== undefined;
  }

  /** How a job that is parked here is finished: by its record's end. Undefined: it is not parked. */
  finishing(offset: number): FinishingMove | undefined {
    const key = this.#keys.ofJob(offset);
    if (key === undefined) return undefined;
    const place = this.#parts.state.placeOf(this);
    let isLast = false;
    const records = (): ProducerRecord[] => {
      // The last one of a key takes its requests along, unless others are about to stand behind it.
      isLast = key.jobs.length === 1 && key.arriving === 0;
      const done = isLast ? [...key.requests.values()] : [];
      return [this.#jobKey(offset), ...done].map((each) => tombstone(each, place));
    };
    const moved = (): void => {
      if (isLast) key.requests.clear();
      this.#keys.shift(key);
    };
    return { records, move: this.#stateMove(moved, () => this.#isGone(offset)) };
  }

  #jobKey(offset: number): StateKey {
    return { kind: "park", topic: this.topic, partition: this.partition, id: String(offset) };
  }

  /** Its record stays where it was, whatever came after it: all of them are read. */
  async #isGone(offset: number): Promise<boolean> {
    return (await this.#parts.state.find(this, offset, undefined)) === undefined;
  }

  /** A move that changes what is parked, and leaves the partition's offsets as they are. */
  #stateMove(moved: () => void, wasMade: Move["wasMade"] = () => false): Move {
    return { commit: () => this.#parts.source.commitNow(), moved, wasMade };
  }

  /** Parks a job behind those of its key. False: the partition was given up before. */
  async #parkBehind(record: BufferedRecord, by: string): Promise<boolean> {
    const key = this.#keys.get(by);
    if (key !== undefined) key.arriving++;
    const isParked = await this.#move(record, by, {});
    if (key !== undefined) {
      key.arriving--;
      this.#keys.drop(key);
    }
    if (!isParked) return false;
    this.#tell(readJob(this, record), record, 0, undefined);
    this.#parts.pump();
    return true;
  }

  /** Parks a job that has failed for good, or lets one that was released wait again. */
  async park({ record, job, number, error }: FailedAttempt): Promise<boolean> {
    const key = this.#keys.ofJob(record.offset);
    const by = key?.by ?? this.#byOf(record, job);
    if (key === undefined) {
      if (!(await this.#move(record, by, { counts: NO_FAILURES, error }))) return false;
    } else {
      const requests = [...key.requests.values()];
      const isKept = await this.#rewrite(key, record, { counts: NO_FAILURES, error }, requests);
      if (!isKept) return false;
      key.loaded = undefined;
      this.#keys.withdraw(key, requests);
    }
    this.#tell(job, record, number, error);
    return true;
  }

  /** Into the state topic, and out of the queue. */
  #move(
    record: BufferedRecord,
    by: string,
    how: { readonly counts?: FailureCounts; readonly error?: unknown },
  ): Promise<boolean> {
    const { context, source, state } = this.#parts;
    const { offset } = record;
    let at: number | undefined;
    const placed = ([place]: readonly RecordMetadata[]): void => {
      at = place?.offset;
    };
    const move = finishing(source, offset);
    let renewed: StateKey | undefined;
    const moved = (): void => {
      move.moved();
      const key = this.#keys.add(by, offset, at);
      if (renewed !== undefined) key.requests.set(stateKey(renewed), renewed);
    };
    const place = state.placeOf(this);
    const kept = parkedRecord(record, { ...this.#place, offset }, place, { by, ...how });
    const records = (): ProducerRecord[] => {
      renewed = this.#renewed(by);
      return renewed === undefined ? [kept] : [kept, requestRecord(renewed, by, place)];
    };
    return context.moves.move(source, { ...move, moved }, records, { placed });
  }

  /** A key that is being released, and whose last job has just taken the request along, goes on being released. */
  #renewed(by: string): StateKey | undefined {
    const key = this.#keys.get(by);
    if (key === undefined || key.mode === "kept" || key.requests.size > 0) return undefined;
    return { kind: key.mode, ...this.#place, id: uuidv7(this.#parts.context.clock) };
  }

  get #place(): { readonly topic: string; readonly partition: number } {
    return { topic: this.topic, partition: this.partition };
  }

  /** Writes the first job of a key anew, and takes back requests. */
  #rewrite(
    key: ParkedKey,
    record: BufferedRecord,
    how: { readonly counts: FailureCounts; readonly error?: unknown },
    requests: readonly StateKey[] = [],
  ): Promise<boolean> {
    const { context, source, state } = this.#parts;
    const place = state.placeOf(this);
    const job = key.first!;
    const kept = parkedRecord(record, { ...this.#place, offset: job.offset }, place, { by: key.by, ...how });
    const placed = ([written]: readonly RecordMetadata[]): void => {
      job.at = written?.offset;
    };
    const records = [kept, ...requests.map((request) => tombstone(request, place))];
    return context.moves.move(
      source,
      this.#stateMove(() => {}),
      () => records,
      { placed },
    );
  }

  #tell(job: ReceivedJob | undefined, { offset }: BufferedRecord, attempt: number, error: unknown): void {
    const { app, events } = this.#parts.context;
    if (job === undefined) return;
    if (error !== undefined && !events.has("parked"))
      app.settings.logger.error("a job is parked", { job: job.name, id: job.id, key: job.key, offset, error });
    events.emit("parked", { job: jobInfo(job, attempt), error });
  }

  /** Somebody asks for a key's jobs to be released, or let go of. */
  requested(request: StateRequest): void {
    if (this.#isOver) return;
    if (!this.#keys.request(request)) return this.#forget(request.key);
    // What is let go of has nothing to wait for.
    if (request.key.kind === "discard") this.#keys.get(request.by)?.cancelWait();
    this.#parts.pump();
  }

  /** A request that nothing is left to do for. */
  #forget(key: StateKey): void {
    const { context, source, state } = this.#parts;
    const move = this.#stateMove(() => {});
    void context.moves.move(source, move, () => [tombstone(key, state.placeOf(this))]);
  }

  /** Starts a job that was released, if one may start. Whether something was begun. */
  startNext(): boolean {
    if (this.#keys.size === 0 || this.#isOver) return false;
    let inHand = 0;
    for (const key of this.#keys.released) {
      if (key.isBusy || key.loaded !== undefined) inHand++;
      if (key.isBusy || key.wait !== undefined || key.first === undefined) continue;
      if (key.loaded !== undefined) {
        if (this.#startFirst(key, key.loaded)) return true;
      } else if (inHand++ < IN_HAND) this.#load(key);
      if (inHand >= IN_HAND) return false;
    }
    return false;
  }

  #load(key: ParkedKey): void {
    const { state, pump, context } = this.#parts;
    const { offset, at } = key.first!;
    key.isBusy = true;
    const done = (): void => {
      key.isBusy = false;
      pump();
    };
    state.find(this, offset, at).then(
      (record) => {
        if (record === undefined) return this.#isMissing(key, done);
        key.loaded = unparkedRecord(record, offset);
        done();
      },
      (error: unknown) => {
        if (this.#isOver) return;
        context.events.emit("error", { error, during: "reading a parked job", ...this.#place });
        this.#waitFor(key, LOAD_RETRY);
        done();
      },
    );
  }

  /** Somebody has deleted its record: there is nothing left to run. */
  #isMissing(key: ParkedKey, done: () => void): void {
    const error = new Error(`the parked job of offset ${key.first!.offset} is not in the group's state topic any more`);
    this.#parts.context.events.emit("error", { error, during: "reading a parked job", ...this.#place });
    const { records, move } = this.finishing(key.first!.offset)!;
    void this.#parts.context.moves.move(this.#parts.source, move, records).then(done);
  }

  #startFirst(key: ParkedKey, record: BufferedRecord): boolean {
    const { gate, attempts } = this.#parts;
    const { offset } = record;
    const job = readJob(this, record);
    if (key.mode === "discard" || job === undefined) {
      this.#settle(key, offset, () => this.#discard(key, record, job));
      return true;
    }
    if (key.isSuspect) {
      this.#settle(key, offset, () => this.#noteSuspect(key, record, job));
      return true;
    }
    const admission = gate.admitParked(offset);
    if (admission === "later") return false;
    // Nothing else may start either, before Kafka knows that jobs do.
    if (admission === "note") return true;
    if (admission !== "now") {
      this.#waitFor(key, admission.wait);
      return false;
    }
    key.isBusy = true;
    attempts.start(record, job, (outcome) => this.#ended(key, record, outcome));
    return true;
  }

  #settle(key: ParkedKey, offset: number, end: () => Promise<boolean>): void {
    key.isBusy = true;
    this.#parts.attempts.settle(offset, end, () => {
      key.isBusy = false;
    });
  }

  #ended(key: ParkedKey, record: BufferedRecord, outcome: Outcome): void {
    const { offset } = record;
    key.isBusy = false;
    if (outcome === "aborted") return;
    if (outcome === "finished") {
      // It may have been finished by what it handed over.
      if (this.has(offset)) this.#settle(key, offset, () => this.#finish(offset));
    } else if ("end" in outcome)
      this.#settle(
        key,
        offset,
        // One that was parked again is read anew, whether or not somebody has asked for it meanwhile.
        async () => (await outcome.end()) && (!this.has(offset) || key.loaded === undefined || this.#finish(offset)),
      );
    else {
      const { wait, counts } = outcome;
      this.#settle(key, offset, async () => {
        const isNoted = await this.#rewrite(key, record, { counts });
        // It is read again, with its failures.
        key.loaded = undefined;
        if (isNoted && !this.#isOver && key.mode !== "discard") this.#waitFor(key, wait);
        return isNoted;
      });
    }
  }

  #finish(offset: number): Promise<boolean> {
    const { records, move } = this.finishing(offset)!;
    return this.#parts.context.moves.move(this.#parts.source, move, records);
  }

  #waitFor(key: ParkedKey, ms: number): void {
    key.wait = this.#parts.context.clock.timer(ms, () => {
      key.wait = undefined;
      this.#parts.pump();
    });
  }

  async #discard(key: ParkedKey, record: BufferedRecord, job: ReceivedJob | undefined): Promise<boolean> {
    const { failures } = this.#parts;
    const error = new Discard("it was parked, and let go of");
    const { attempt: number } = failures.countsOf(record.offset, job);
    if (!(await this.#finish(record.offset))) return false;
    key.cancelWait();
    await failures.discard({ record, job, number, error, duration: 0 });
    return true;
  }

  /** Whoever finds it next counts its death, if it dies of it (S4.8). */
  async #noteSuspect(key: ParkedKey, record: BufferedRecord, job: ReceivedJob): Promise<boolean> {
    const { failures, context } = this.#parts;
    const before = failures.countsOf(record.offset, job);
    key.isSuspect = false;
    if (before.attempt > 0 && unruled(before) > context.queueOf(this.topic).maxRetries) {
      const error = new ProcessDiedError(before.attempt);
      return this.park({ record, job, number: before.attempt, error, duration: 0 });
    }
    return this.#rewrite(key, record, { counts: { ...before, attempt: before.attempt + 1 } });
  }

  /** The partition is given up. */
  end(): void {
    this.#isOver = true;
    this.#parts.state.unfollow(this);
    this.cancelWaits();
  }

  cancelWaits(): void {
    for (const key of this.#keys) key.cancelWait();
  }
}
