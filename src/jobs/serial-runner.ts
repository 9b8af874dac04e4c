import type { Timer } from "../net/clock.ts";
import { type JobRunner, type RunnerParts, type Skip, skipWhenIdle } from "./job-runner.ts";
import type { Outcome } from "./partition-attempts.ts";
import { type BufferedRecord, RecordBuffer } from "./record-buffer.ts";
import type { JobEnd, WaitInPlace } from "./sequel.ts";
import { NotBlockedError } from "./worker-errors.ts";

/** Runs the jobs of a partition in offset order, one at a time (S3.3). A job that has failed is waited for in place. */
export class SerialRunner implements JobRunner {
  readonly #parts: RunnerParts;
  readonly #buffer = new RecordBuffer();
  /** The first job waits for its time. */
  #wait: Timer | undefined;
  readonly lanes: undefined;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
  }

  get buffered(): number {
    return this.#buffer.length;
  }
  get bufferedBytes(): number {
    return this.#buffer.byteLength;
  }
  get waitingSince(): number | undefined {
    return this.#buffer.first?.timestamp;
  }
  get isWaiting(): boolean {
    return this.#wait !== undefined;
  }

  take(records: readonly BufferedRecord[]): void {
    this.#buffer.push(records);
    if (!this.#parts.attempts.isWorking) this.#parts.moved();
  }

  pump(): void {
    const { attempts, notes, gate, parking } = this.#parts;
    if (attempts.isWorking || notes.isNoting || !this.#parts.mayStart() || parking?.startNext()) return;
    const record = this.#buffer.first;
    if (record === undefined || this.#wait !== undefined) return;
    const admission = gate.admit(record);
    if (admission === "now") attempts.start(record, undefined, this.#ended);
    else if (admission === "note") notes.note([record], () => this.#parts.pump());
    else if (admission === "later") return;
    else if ("wait" in admission) this.#waitFor(admission.wait, record.offset);
    else this.#settle(record.offset, admission.end);
  }

  #waitFor(ms: number, offset: number): void {
    this.#wait = this.#parts.context.clock.timer(ms, () => {
      this.#wait = undefined;
      this.#parts.gate.waited(offset);
      this.#parts.pump();
    });
  }

  readonly #ended = (outcome: Outcome): void => {
    if (outcome === "finished") return this.#shift();
    // The partition is being given up, or has stopped: nothing of it waits or ends here.
    if (outcome === "aborted") return;
    const { offset } = this.#buffer.first!;
    if ("end" in outcome) return this.#settle(offset, outcome.end);
    const wait = (): void => this.#failed(outcome, offset);
    if (outcome.first === undefined) wait();
    else this.#parts.attempts.settle(offset, outcome.first, wait);
  };

  #failed({ wait }: WaitInPlace, offset: number): void {
    if (this.#parts.notRunning() === undefined) this.#waitFor(wait, offset);
  }

  #settle(offset: number, end: JobEnd): void {
    this.#parts.attempts.settle(offset, end, (how) => {
      if (how === true) this.#shift();
      else if (how !== false) this.#failed(how, offset);
    });
  }

  /** The first job is finished, one way or another. */
  #shift(): void {
    const { first } = this.#buffer;
    if (first !== undefined) this.#parts.failures.finished(first.offset);
    this.#buffer.shift();
    this.#parts.moved();
  }

  standsAt(fetchedTo: number, done?: number): number {
    const { first, second } = this.#buffer;
    if (first === undefined) return fetchedTo;
    if (first.offset !== done && !this.#parts.isFinished(first.offset)) return first.offset;
    // Where the log was cut, what was fetched may end before it.
    return Math.max(second?.offset ?? fetchedTo, first.offset + 1);
  }

  forgetWaiting(): number | undefined {
    return this.#buffer.truncate(this.#parts.attempts.isWorking ? 1 : 0)?.offset;
  }

  cancelWaits(): void {
    this.#wait?.cancel();
    this.#wait = undefined;
  }

  skip(offset: number, topic: string | undefined): Promise<void> {
    return skipWhenIdle(this.#parts, offset, topic, (place, skip) => this.#beginSkip(offset, place, skip));
  }

  #beginSkip(offset: number, place: string, skip: Skip): void {
    const { failures } = this.#parts;
    const { first } = this.#buffer;
    if (first?.offset !== offset) {
      const where = first === undefined ? "has not come" : `is at ${first.offset}`;
      throw new NotBlockedError(place, `the first job of the partition ${where}`);
    }
    if (failures.countsOf(offset, undefined).attempt === 0) throw new NotBlockedError(place, "it has not failed");
    this.cancelWaits();
    this.#settle(offset, skip(first));
  }
}
