import { Discard } from "./job-controls.ts";
import type { FinishingMove, MoveSource } from "./moves.ts";
import type { ParkedKey, ParkedKeys } from "./parked-keys.ts";
import { unparkedRecord } from "./parked-record.ts";
import type { Outcome, PartitionAttempts } from "./partition-attempts.ts";
import type { PartitionFailures } from "./partition-failures.ts";
import { type ReceivedJob, readJob } from "./received-job.ts";
import type { BufferedRecord } from "./record-buffer.ts";
import type { StartGate } from "./start-gate.ts";
import type { StateReader } from "./state-reader.ts";
import type { FailureCounts } from "./verdict.ts";
import type { WorkerContext } from "./worker-context.ts";

/** Milliseconds before a parked job that could not be read is asked for again. */
const LOAD_RETRY = 1_000;
/** Released keys of which a job is in memory: as many as a queue has lanes at most. The others wait in the state topic. */
const IN_HAND = 64;

/** What parking is given of its partition. */
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

/** Where the jobs are parked. */
export interface ParkedStore {
  readonly topic: string;
  readonly partition: number;
  has(offset: number): boolean;
  finishing(offset: number): FinishingMove | undefined;
  /** Writes the first job of a key anew. False: the partition was given up before. */
  rewrite(key: ParkedKey, record: BufferedRecord, how: { readonly counts: FailureCounts }): Promise<boolean>;
}

/** Runs the parked jobs of one partition that were released, those of a key one after the other, or lets go of them. */
export class ParkedRunner {
  readonly #parts: ParkingParts;
  readonly #store: ParkedStore;
  readonly #keys: ParkedKeys;
  #isOver = false;

  constructor(parts: ParkingParts, store: ParkedStore, keys: ParkedKeys) {
    this.#parts = parts;
    this.#store = store;
    this.#keys = keys;
  }

  /** Whether the partition was given up. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get #place(): { readonly topic: string; readonly partition: number } {
    const { topic, partition } = this.#store;
    return { topic, partition };
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
    state.find(this.#store, offset, at).then(
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
    void this.#finish(key.first!.offset).then(done);
  }

  #startFirst(key: ParkedKey, record: BufferedRecord): boolean {
    const { gate, attempts } = this.#parts;
    const { offset } = record;
    const job = readJob(this.#store, record);
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
      if (this.#store.has(offset)) this.#settle(key, offset, () => this.#finish(offset));
    } else if ("end" in outcome)
      this.#settle(
        key,
        offset,
        // One that was parked again is read anew, whether or not somebody has asked for it meanwhile.
        async () =>
          (await outcome.end()) === true &&
          (!this.#store.has(offset) || key.loaded === undefined || this.#finish(offset)),
      );
    else {
      const { wait, counts, first } = outcome;
      this.#settle(key, offset, async () => {
        await first?.();
        const isNoted = await this.#store.rewrite(key, record, { counts });
        // It is read again, with its failures.
        key.loaded = undefined;
        if (isNoted && !this.#isOver && key.mode !== "discard") this.#waitFor(key, wait);
        return isNoted;
      });
    }
  }

  #finish(offset: number): Promise<boolean> {
    const { records, move } = this.#parts.failures.finishing(offset);
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
    const { failures } = this.#parts;
    key.isSuspect = false;
    const end = failures.endOfKiller(record);
    if (end !== undefined) return (await end()) === true;
    const before = failures.countsOf(record.offset, job);
    return this.#store.rewrite(key, record, { counts: { ...before, attempt: before.attempt + 1 } });
  }

  /** The partition is given up. */
  end(): void {
    this.#isOver = true;
  }
}
