import { type BackoffOptions, backoffDelay } from "../client/backoff.ts";
import { asKafkaError, type KafkaError } from "../client/errors.ts";
import { listOffsets } from "../client/list-offsets.ts";
import type { RecordMetadata } from "../client/producer-record.ts";
import { partitionKey, type TopicPartition } from "../client/topic-partition.ts";
import { type ApartTarget, ApartTargets } from "./apart-targets.ts";
import { DueBatches, type DueEntry } from "./due-batch.ts";
import type { EventHub } from "./events.ts";
import { ID_HEADER, JOB_HEADER } from "./headers.ts";
import { TOO_LARGE } from "./named-error.ts";
import { headerTextOf } from "./received-job.ts";
import type { Runtime } from "./runtime.ts";
import type { ScheduleContents } from "./schedule-contents.ts";
import { deadEntry, entryTombstone, targetOf } from "./schedule-entry.ts";
import { UndispatchableError } from "./schedule-errors.ts";
import type { ScheduleWindow } from "./schedule-window.ts";
import { type ScheduleWriter, UnwrittenError } from "./schedule-writer.ts";

/** What dispatching is given of its partition. */
export interface DispatchParts {
  readonly runtime: Runtime;
  readonly events: EventHub;
  readonly place: TopicPartition;
  readonly contents: ScheduleContents;
  readonly window: ScheduleWindow;
  readonly writer: ScheduleWriter;
  readonly signal: AbortSignal;
  /** Something may be done now. */
  readonly wake: () => void;
}

/** What no repetition changes for a record: it is not what its target takes. */
export const UNACCEPTABLE: ReadonlySet<string> = new Set([
  ...TOO_LARGE,
  ...["INVALID_RECORD", "INVALID_PARTITIONS", "INVALID_TOPIC_EXCEPTION"],
  ...["INVALID_ARGUMENT", "UNSUPPORTED_FOR_MESSAGE_FORMAT"],
]);
/** How long (ms) a target that was set apart has to say that it is there. */
const PROBE_TIMEOUT = 5_000;
const BURY_BACKOFF: BackoffOptions = { initial: 1_000, max: 30_000 };
const DURING = "dispatching what is due";

/** Sends what is due of one partition on its way, and lets go of what can never be (S7.4). */
export class ScheduleDispatch {
  readonly #parts: DispatchParts;
  readonly #batches: DueBatches;
  readonly #apart: ApartTargets;
  /** When (monotonic ms) the next one may be put into the topic for what can never be dispatched. */
  #buryAt = Number.NEGATIVE_INFINITY;
  #buryFailures = 0;
  #inHandDueAt: number | undefined;

  constructor(parts: DispatchParts) {
    const { contents, window, runtime } = parts;
    this.#parts = parts;
    this.#apart = new ApartTargets(runtime.clock, contents.index);
    this.#batches = new DueBatches(contents, window, this.#apart);
  }

  /** When the first of those was due that are on their way (ms since 1970). */
  get inHandDueAt(): number | undefined {
    return this.#inHandDueAt;
  }

  /** Targets that are set apart. */
  get apart(): readonly TopicPartition[] {
    return this.#apart.all;
  }

  /** When something that did not succeed is to be tried again (monotonic ms). */
  get retryAt(): number {
    const waiting = this.#apart.all.filter(({ state }) => state === "waiting");
    const buryAt = this.#parts.contents.doomed.size > 0 ? this.#buryAt : Number.POSITIVE_INFINITY;
    return Math.min(buryAt, ...waiting.map(({ retryAt }) => retryAt));
  }

  /** Does the next thing there is to do. "idle": nothing is. "failed": nothing counts, and it is worth a pause. */
  async step(now: number): Promise<"done" | "idle" | "failed"> {
    this.#probe();
    if (this.#parts.contents.doomed.size > 0 && this.#parts.runtime.clock.monotonic() >= this.#buryAt)
      return this.#bury();
    const answering = this.#apart.all.find(({ state }) => state === "answering");
    if (answering !== undefined) return this.#try(answering, now);
    const batch = this.#batches.next(now);
    if (batch === "unread") {
      await this.#parts.window.fill(now);
      return "done";
    }
    if (batch.length > 0) return this.#write(batch);
    this.#apart.forgetUnwanted();
    return "idle";
  }

  async #write(batch: readonly DueEntry[]): Promise<"done" | "failed"> {
    const { writer, place } = this.#parts;
    let places: readonly RecordMetadata[];
    this.#inHandDueAt = batch[0]?.dueAt;
    try {
      places = await writer.write(this.#batches.recordsOf(batch, place));
    } catch (error) {
      this.#batches.putBack(batch);
      if (!(error instanceof UnwrittenError)) throw error;
      return this.#unwritten(batch, error.failures);
    } finally {
      this.#inHandDueAt = undefined;
    }
    this.#batches.done(batch);
    this.#tell(batch, places);
    return "done";
  }

  #tell(batch: readonly DueEntry[], places: readonly RecordMetadata[]): void {
    const { events } = this.#parts;
    if (!events.has("dispatched")) return;
    for (const [i, { id: entry, record, dueAt }] of batch.entries()) {
      const { topic, partition, offset } = places[i]!;
      const job = { name: headerTextOf(record, JOB_HEADER), id: headerTextOf(record, ID_HEADER) };
      events.emit("dispatched", { entry, ...job, dueAt: new Date(dueAt), to: { topic, partition, offset } });
    }
  }

  #unwritten(batch: readonly DueEntry[], failures: readonly KafkaError[]): "done" | "failed" {
    let outcome: "done" | "failed" = "failed";
    for (const failure of failures) {
      const concerned = batch.filter(({ target }) => isAbout(failure, target));
      if (concerned.length === 0) this.#failed(failure);
      else if (UNACCEPTABLE.has(failure.code)) {
        this.#suspect(concerned, failure);
        outcome = "done";
      } else {
        for (const target of new Map(
          concerned.map((each) => [partitionKey(each.target.topic, each.target.partition), each.target]),
        ).values())
          this.#apart.failed(target);
        this.#failed(failure);
        outcome = "done";
      }
    }
    return outcome;
  }

  #failed(error: KafkaError): void {
    const { topic, partition } = { ...this.#parts.place, ...withPlace(error) };
    this.#parts.events.emit("error", { error, during: DURING, topic, partition });
  }

  /** Asks, besides all else, whether targets that are set apart are there again. */
  #probe(): void {
    const now = this.#parts.runtime.clock.monotonic();
    for (const target of this.#apart.all) {
      if (target.state !== "waiting" || target.retryAt > now) continue;
      target.state = "asking";
      void this.#ask(target).then(this.#parts.wake);
    }
  }

  async #ask(target: ApartTarget): Promise<void> {
    const { runtime, signal } = this.#parts;
    try {
      await listOffsets(runtime.kafka.cluster, [target], "latest", PROBE_TIMEOUT, signal);
      target.state = "answering";
    } catch (error) {
      this.#apart.failed(target);
      if (!signal.aborted) this.#failed(asKafkaError(error));
    }
  }

  /** Sends one entry to a target that was set apart: if it is taken, the others follow. */
  async #try(target: ApartTarget, now: number): Promise<"done" | "failed"> {
    const { contents, window } = this.#parts;
    const first = this.#apart.takeFirst(target, now);
    const record = first === undefined ? undefined : await window.load(first.offset);
    if (first !== undefined && contents.index.has(first.place, first.offset)) {
      if (record === undefined) {
        // The log has it no more.
        contents.index.remove(first.place);
        return "done";
      }
      const outcome = await this.#write([this.#batches.take(first.place, record, targetOf(record) ?? target)]);
      if (outcome === "failed" || target.state !== "answering") {
        // It stands before all that is held: the next try has to be its own.
        if (contents.index.has(first.place, first.offset)) this.#batches.hold(first.place, target);
        return outcome;
      }
    }
    this.#apart.rejoin(target);
    return "done";
  }

  #suspect(concerned: readonly DueEntry[], failure: KafkaError): void {
    const only = this.#batches.suspect(concerned);
    if (only === undefined || !this.#parts.contents.index.has(only.place, only.offset)) return;
    this.#batches.doom(only.place, new UndispatchableError(failure.message, failure));
  }

  /** Puts one that can never be dispatched into the topic for such. Where that does not take it, it is tried again later. */
  async #bury(): Promise<"done" | "failed"> {
    const { contents, events, place, window, writer, runtime } = this.#parts;
    const [key, { offset, error }] = contents.doomed.entries().next().value!;
    const isStill = (): boolean => contents.doomed.get(key)?.offset === offset;
    const record = await window.load(offset);
    if (record === undefined || !isStill()) {
      if (isStill()) contents.doomed.delete(key);
      return "done";
    }
    const from = { ...place, offset };
    try {
      const [to] = await writer.write([deadEntry(record, from, error), entryTombstone(record.key!, place)]);
      contents.doomed.delete(key);
      this.#buryFailures = 0;
      events.emit("undispatchable", { entry: key, error, from, to: { topic: to!.topic, partition: to!.partition } });
    } catch (thrown) {
      if (!(thrown instanceof UnwrittenError)) throw thrown;
      for (const failure of thrown.failures) this.#failed(failure);
      // It may be this one alone that is not taken, or gone meanwhile.
      if (isStill()) {
        contents.doomed.delete(key);
        contents.doomed.set(key, { offset, error });
      }
      this.#buryFailures++;
      this.#buryAt = runtime.clock.monotonic() + backoffDelay(BURY_BACKOFF, this.#buryFailures, runtime.clock);
    }
    return "done";
  }
}

/** A failure may name a topic only. */
function isAbout(failure: KafkaError, { topic, partition }: TopicPartition): boolean {
  return failure.topic === topic && (failure.partition === undefined || failure.partition === partition);
}

function withPlace({ topic, partition }: KafkaError): { topic?: string; partition?: number | undefined } {
  return topic === undefined ? {} : { topic, partition };
}
