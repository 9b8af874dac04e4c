import type { KafkaError } from "../client/errors.ts";
import type { ProducerRecord } from "../client/producer-record.ts";
import { MOST_BYTES } from "./due-batch.ts";
import { type DispatchParts, UNACCEPTABLE } from "./schedule-dispatch.ts";
import { entryTombstone } from "./schedule-entry.ts";
import { endingVerdict, rescheduledEntry, type ScheduleRequest } from "./schedule-request.ts";
import { UnwrittenError } from "./schedule-writer.ts";

/** One request, and what is written for it. */
interface Answer {
  readonly key: string;
  readonly records: readonly ProducerRecord[];
  /** Of what was read for it. */
  readonly bytes: number;
  /** `offset`: of the last of its records. */
  readonly written: (offset: number) => void;
}

/** Requests that are answered together. */
const MOST = 200;
const DURING = "answering requests for scheduled jobs";

/** Decides on requests to cancel entries or to give them another time, as the owner of their partition alone can (S7.5). */
export class ScheduleAnswers {
  readonly #parts: DispatchParts;
  /** Requests that are answered one at a time: the answer to one of them is not taken by the broker. */
  readonly #suspects = new Set<string>();

  constructor(parts: DispatchParts) {
    this.#parts = parts;
  }

  /** Answers what is asked. Nothing that is asked about may be on its way meanwhile. "idle": nobody asks. */
  async step(): Promise<"done" | "idle" | "failed"> {
    const { contents, writer } = this.#parts;
    if (contents.requests.size === 0) return "idle";
    const answers = await this.#answers();
    const records = answers.flatMap((answer) => answer.records);
    try {
      const places = await writer.write(records);
      let end = 0;
      for (const answer of answers) {
        end += answer.records.length;
        this.#settled(answer.key);
        answer.written(places[end - 1]!.offset);
      }
      return "done";
    } catch (error) {
      if (!(error instanceof UnwrittenError)) throw error;
      return this.#unwritten(answers, error.failures);
    }
  }

  #settled(key: string): void {
    this.#parts.contents.requests.delete(key);
    this.#suspects.delete(key);
  }

  async #unwritten(answers: readonly Answer[], failures: readonly KafkaError[]): Promise<"done" | "failed"> {
    const { events, place, writer } = this.#parts;
    for (const error of failures) events.emit("error", { error, during: DURING, ...place });
    if (!failures.every(({ code }) => UNACCEPTABLE.has(code))) return "failed";
    for (const { key } of answers) this.#suspects.add(key);
    if (answers.length > 1) return "done";
    // The entry is as large as can be, and has no room for the verdict: it stays as it is, and nobody is told so.
    const [{ key }] = answers as readonly [Answer];
    try {
      await writer.write([entryTombstone(key, place)]);
      this.#settled(key);
      return "done";
    } catch (error) {
      if (!(error instanceof UnwrittenError)) throw error;
      return "failed";
    }
  }

  /** One for each entry: what the next one for it is depends on what becomes of this one. */
  async #answers(): Promise<Answer[]> {
    const answers: Answer[] = [];
    const entries = new Set<string>();
    let bytes = 0;
    for (const [key, request] of this.#parts.contents.requests) {
      if (answers.length === MOST || bytes > MOST_BYTES) break;
      if (request !== undefined && entries.has(request.entry)) continue;
      if (request !== undefined) entries.add(request.entry);
      const isAlone = this.#suspects.has(key);
      if (isAlone && answers.length > 0) break;
      const answer = await this.#answer(key, request);
      answers.push(answer);
      bytes += answer.bytes;
      if (isAlone) break;
    }
    return answers;
  }

  async #answer(key: string, request: ScheduleRequest | undefined): Promise<Answer> {
    const { contents, window, place } = this.#parts;
    const done = entryTombstone(key, place);
    const nothing = { key, bytes: 0, written: () => {} };
    if (request === undefined) return { ...nothing, records: [done] };
    const { entry } = request;
    const offset = contents.offsetOf(entry);
    const record = offset === undefined || request.kind === "cancel" ? undefined : await window.load(offset);
    if (offset === undefined || (request.kind === "reschedule" && record === undefined))
      return { ...nothing, records: [done, endingVerdict(entry, key, "tooLate", place)] };
    if (request.kind === "cancel")
      return {
        ...nothing,
        records: [done, endingVerdict(entry, key, "cancelled", place)],
        written: () => this.#cancelled(entry, offset),
      };
    return {
      ...{ key, bytes: record!.byteLength },
      records: [done, rescheduledEntry(record!, key, request.at, place)],
      written: (at) => this.#rescheduled(entry, offset, request.at, at),
    };
  }

  #cancelled(entry: string, offset: number): void {
    const { contents, window, events, place } = this.#parts;
    window.drop(offset);
    contents.forget(entry);
    events.emit("cancelled", { entry, from: place });
  }

  #rescheduled(entry: string, offset: number, dueAt: number, at: number): void {
    const { contents, window, events, place } = this.#parts;
    window.drop(offset);
    contents.moved(entry, dueAt, at);
    events.emit("rescheduled", { entry, from: place, dueAt: new Date(dueAt) });
  }
}
