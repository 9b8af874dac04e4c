import type { ProducerRecord } from "../client/producer-record.ts";
import type { DispatchParts } from "./schedule-dispatch.ts";
import { entryTombstone } from "./schedule-entry.ts";
import { endingVerdict, rescheduledEntry, type ScheduleRequest } from "./schedule-request.ts";
import { UnwrittenError } from "./schedule-writer.ts";

/** One request, and what is written for it. */
interface Answer {
  readonly key: string;
  readonly records: readonly ProducerRecord[];
  /** `offset`: of the last of its records. */
  readonly written: (offset: number) => void;
}

/** Requests that are answered together. */
const MOST = 200;

/** Decides on requests to cancel entries or to give them another time, as the owner of their partition alone can (S7.5). */
export class ScheduleAnswers {
  readonly #parts: DispatchParts;

  constructor(parts: DispatchParts) {
    this.#parts = parts;
  }

  /** Answers what is asked. Nothing that is asked about may be on its way meanwhile. "idle": nobody asks. */
  async step(): Promise<"done" | "idle" | "failed"> {
    const { contents, writer, events, place } = this.#parts;
    if (contents.requests.size === 0) return "idle";
    const answers = await this.#answers();
    const records = answers.flatMap((answer) => answer.records);
    try {
      const places = await writer.write(records);
      let end = 0;
      for (const answer of answers) {
        end += answer.records.length;
        contents.requests.delete(answer.key);
        answer.written(places[end - 1]!.offset);
      }
      return "done";
    } catch (error) {
      if (!(error instanceof UnwrittenError)) throw error;
      for (const failure of error.failures)
        events.emit("error", { error: failure, during: "answering requests for scheduled jobs", ...place });
      return "failed";
    }
  }

  /** One for each entry: what the next one for it is depends on what becomes of this one. */
  async #answers(): Promise<Answer[]> {
    const answers: Answer[] = [];
    const entries = new Set<string>();
    for (const [key, request] of this.#parts.contents.requests) {
      if (answers.length === MOST) break;
      if (request !== undefined && entries.has(request.entry)) continue;
      if (request !== undefined) entries.add(request.entry);
      answers.push(await this.#answer(key, request));
    }
    return answers;
  }

  async #answer(key: string, request: ScheduleRequest | undefined): Promise<Answer> {
    const { contents, window, place } = this.#parts;
    const done = entryTombstone(key, place);
    if (request === undefined) return { key, records: [done], written: () => {} };
    const { entry } = request;
    const offset = contents.offsetOf(entry);
    const record = offset === undefined || request.kind === "cancel" ? undefined : await window.load(offset);
    if (offset === undefined || (request.kind === "reschedule" && record === undefined))
      return { key, records: [done, endingVerdict(entry, key, "tooLate", place)], written: () => {} };
    if (request.kind === "cancel")
      return {
        key,
        records: [done, endingVerdict(entry, key, "cancelled", place)],
        written: () => this.#cancelled(entry, offset),
      };
    return {
      key,
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
