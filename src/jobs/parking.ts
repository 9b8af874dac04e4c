import type { ProducerRecord, RecordMetadata } from "../client/producer-record.ts";
import { uuidv7 } from "../net/clock.ts";
import { partitionedBy } from "./lane-placement.ts";
import { type FinishingMove, finishing, type Move } from "./moves.ts";
import { isTooLarge } from "./named-error.ts";
import { type ParkedKey, ParkedKeys } from "./parked-keys.ts";
import { parkedBy, parkedRecord } from "./parked-record.ts";
import { ParkedRunner, type ParkedStore, type ParkingParts } from "./parked-runner.ts";
import { jobInfo } from "./perform.ts";
import { type ReceivedJob, readJob } from "./received-job.ts";
import type { BufferedRecord } from "./record-buffer.ts";
import type { FailedAttempt, JobEnd, WaitInPlace } from "./sequel.ts";
import type { LoadedState } from "./state-reader.ts";
import type { StateRequest } from "./state-scan.ts";
import { requestRecord, type StateKey, type StateKind, stateKey, tombstone } from "./state-topic.ts";
import { type FailureCounts, NO_FAILURES } from "./verdict.ts";

/** Milliseconds before a job that is too large to be parked is looked at again. */
const PARK_RETRY = 10_000;
const PARKING = "parking a job";

/**
 * The jobs of one partition that are parked (S4.6): one that has failed for good, and every later one of its key, wait in
 * the group's state topic until somebody has them released. Then they run in order, here, while newcomers are parked
 * behind them. All that it writes goes with the partition's commit, so that an old owner writes nothing.
 */
export class Parking implements ParkedStore {
  readonly topic: string;
  readonly partition: number;
  readonly #parts: ParkingParts;
  readonly #keys = new ParkedKeys();
  readonly #runner: ParkedRunner;
  #topicId = "";

  constructor(parts: ParkingParts) {
    this.#parts = parts;
    this.topic = parts.source.topic;
    this.partition = parts.source.partition;
    this.#runner = new ParkedRunner(parts, this, this.#keys);
  }

  takes(kind: StateKind): boolean {
    return kind === "release" || kind === "discard";
  }

  /** `wasOpen`: the last owner died while jobs were started. */
  begin(loaded: LoadedState, topicId: string, wasOpen: boolean): void {
    this.#topicId = topicId;
    const requests = loaded.requests.filter(({ key }) => this.takes(key.kind));
    const { foreign, idle } = this.#keys.begin({ parked: loaded.parked, requests }, topicId, wasOpen);
    this.#parts.state.follow(this, loaded.upTo);
    for (const request of idle) this.#forget(request.key);
    for (const { offset } of foreign) this.#forget(this.#jobKey(offset));
    if (foreign.length === 0) return;
    const error = new Error(
      `${foreign.length} parked jobs are gone with their topic, which was deleted and made again`,
    );
    this.#parts.context.events.emit("error", { error, during: "loading the group's state", ...this.#place });
  }

  /** Keys that are parked, and jobs. */
  get counts(): { readonly keys: number; readonly jobs: number } {
    return { keys: this.#keys.size, jobs: this.#keys.jobs };
  }

  get isWaiting(): boolean {
    return [...this.#keys.released].some(({ wait }) => wait !== undefined);
  }

  /** What ends a job where jobs of its key are parked: it is parked behind them. Undefined: there are none. */
  endOf(record: BufferedRecord): JobEnd | undefined {
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
    const at = key.first?.at;
    return { records, move: this.#stateMove(moved, () => this.#parts.state.isGone(this, offset, at)) };
  }

  #jobKey(offset: number): StateKey {
    return { kind: "park", topic: this.topic, partition: this.partition, id: String(offset) };
  }

  /** A move that changes what is parked, and leaves the partition's offsets as they are. */
  #stateMove(moved: () => void, wasMade: Move["wasMade"] = () => false): Move {
    return { commit: () => this.#parts.source.commitNow(), moved, wasMade };
  }

  /** Parks a job behind those of its key. False: the partition was given up before. */
  async #parkBehind(record: BufferedRecord, by: string): Promise<boolean | WaitInPlace> {
    const key = this.#keys.get(by);
    const job = readJob(this, record);
    if (key !== undefined) key.arriving++;
    let isParked: boolean | WaitInPlace;
    try {
      isParked = await this.#move(record, by, {});
    } catch (error) {
      isParked = this.#waitUnparked(record, job, error);
    }
    if (key !== undefined) {
      key.arriving--;
      this.#keys.drop(key);
    }
    if (isParked !== true) return isParked;
    this.#tell(job, record, 0, undefined);
    this.#parts.pump();
    return true;
  }

  /** It waits in its place until its key is parked no more, or it can be parked. */
  #waitUnparked(record: BufferedRecord, job: ReceivedJob | undefined, error: unknown): WaitInPlace {
    const { failures } = this.#parts;
    failures.tellTooLarge(job, error, PARKING);
    return { wait: PARK_RETRY, isError: false, counts: failures.countsOf(record.offset, job) };
  }

  /** Parks a job that has failed for good, or lets one that was released wait again. */
  async park({ record, job, number, error }: FailedAttempt): Promise<boolean> {
    const key = this.#keys.ofJob(record.offset);
    const by = key?.by ?? this.#byOf(record, job);
    if (key === undefined) {
      if (!(await this.#move(record, by, { counts: NO_FAILURES, error }))) return false;
    } else {
      // Whoever asked for it to be let go of meanwhile did not ask for a run that goes well.
      const requests = [...key.requests.values()].filter(({ kind }) => kind === "release");
      const isKept = await this.rewrite(key, record, { counts: NO_FAILURES, error }, requests);
      if (!isKept) return false;
      key.loaded = undefined;
      this.#keys.withdraw(key, requests);
    }
    this.#tell(job, record, number, error);
    return true;
  }

  /** Into the state topic, and out of the queue. Throws where it is too large for that. */
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
    const kept = parkedRecord(record, { ...this.#place, offset }, place, { by, topicId: this.#topicId, ...how });
    const records = (): ProducerRecord[] => {
      renewed = this.#renewed(by);
      return renewed === undefined ? [kept] : [kept, requestRecord(renewed, by, place)];
    };
    return context.moves.move(source, { ...move, moved }, records, { placed, isFinal: isTooLarge });
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

  /** Writes the first job of a key anew, and takes back requests. One that is too large for that stays as it is. */
  async rewrite(
    key: ParkedKey,
    record: BufferedRecord,
    how: { readonly counts: FailureCounts; readonly error?: unknown },
    requests: readonly StateKey[] = [],
  ): Promise<boolean> {
    const { context, source, state } = this.#parts;
    const place = state.placeOf(this);
    const job = key.first!;
    const kept = parkedRecord(record, { ...this.#place, offset: job.offset }, place, {
      by: key.by,
      topicId: this.#topicId,
      ...how,
    });
    const placed = ([written]: readonly RecordMetadata[]): void => {
      job.at = written?.offset;
    };
    const move = this.#stateMove(() => {});
    const done = requests.map((request) => tombstone(request, place));
    try {
      return await context.moves.move(source, move, () => [kept, ...done], { placed, isFinal: isTooLarge });
    } catch (error) {
      this.#parts.failures.tellTooLarge(readJob(this, record), error, PARKING);
      return done.length === 0 || context.moves.move(source, move, () => done);
    }
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
    if (this.#runner.isOver) return;
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
    return this.#runner.startNext();
  }

  /** The partition is given up. */
  end(): void {
    this.#runner.end();
    this.#parts.state.unfollow(this);
    this.cancelWaits();
  }

  cancelWaits(): void {
    for (const key of this.#keys.released) key.cancelWait();
  }
}
