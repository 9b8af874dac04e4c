import type { ProducerRecord } from "../client/producer-record.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import { AT_HEADER, REQUEST_HEADER, VERDICT_HEADER } from "./headers.ts";
import { headerTextOf, type JobRecord } from "./received-job.ts";

/** What somebody asks the owner of an entry for. `at`: the new time (ms since 1970). */
export type ScheduleRequest =
  | { readonly kind: "cancel"; readonly entry: string }
  | { readonly kind: "reschedule"; readonly entry: string; readonly at: number };

/** What has become of an entry when a request came up. "tooLate": it had been dispatched, or cancelled, or never was. */
export type Verdict = "cancelled" | "rescheduled" | "tooLate";

const PREFIX = "request/";
const PREFIX_BYTES: Uint8Array = new TextEncoder().encode(PREFIX);
const VERDICTS: ReadonlySet<string> = new Set<Verdict>(["cancelled", "rescheduled", "tooLate"]);
const decoder = new TextDecoder();

/** Requests have keys of their own, so that none takes the place of an entry or of another request. */
export function requestKey(id: string): string {
  return PREFIX + id;
}

export function isRequestKey(key: Uint8Array): boolean {
  return key.length > PREFIX_BYTES.length && PREFIX_BYTES.every((byte, i) => key[i] === byte);
}

export function requestRecord(request: ScheduleRequest, key: string, to: TopicPartition): ProducerRecord {
  const { kind, entry } = request;
  const at = kind === "reschedule" ? { at: new Date(request.at).toISOString() } : {};
  return { topic: to.topic, partition: to.partition, key, value: JSON.stringify({ kind, entry, ...at }) };
}

/** Undefined: it asks for nothing that this version knows. */
export function readRequest({ value }: JobRecord): ScheduleRequest | undefined {
  try {
    const { kind, entry, at } = JSON.parse(decoder.decode(value ?? undefined)) as Record<string, unknown>;
    // What asks for the end of another request is none.
    if (typeof entry !== "string" || entry.startsWith(PREFIX)) return undefined;
    if (kind === "cancel") return { kind, entry };
    const time = Date.parse(String(at));
    return kind === "reschedule" && !Number.isNaN(time) ? { kind, entry, at: time } : undefined;
  } catch {
    return undefined;
  }
}

/** A record's word on what has become of its entry: for the request with this key. */
export function readVerdict(record: JobRecord): { readonly request: string; readonly verdict: Verdict } | undefined {
  const [request, verdict] = [headerTextOf(record, REQUEST_HEADER), headerTextOf(record, VERDICT_HEADER)];
  if (request === undefined || verdict === undefined || !VERDICTS.has(verdict)) return undefined;
  return { request, verdict: verdict as Verdict };
}

/** The tombstone of an entry, be it that there is none, that says why: the verdict on a request. */
export function endingVerdict(
  entry: string,
  request: string,
  verdict: "cancelled" | "tooLate",
  at: TopicPartition,
): ProducerRecord {
  const headers = { [VERDICT_HEADER]: verdict, [REQUEST_HEADER]: request };
  return { topic: at.topic, partition: at.partition, key: entry, value: null, headers };
}

/** The entry with another time, as the verdict on a request. */
export function rescheduledEntry(entry: JobRecord, request: string, dueAt: number, at: TopicPartition): ProducerRecord {
  const replaced = new Set([AT_HEADER, VERDICT_HEADER, REQUEST_HEADER]);
  return {
    ...{ topic: at.topic, partition: at.partition, key: entry.key, value: entry.value },
    headers: [
      ...entry.headers.filter(([name]) => !replaced.has(name)),
      [AT_HEADER, new Date(dueAt).toISOString()],
      [VERDICT_HEADER, "rescheduled"],
      [REQUEST_HEADER, request],
    ],
  };
}
