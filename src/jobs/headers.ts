import { checkOptions, describe } from "./check-options.ts";
import { InvalidOptionError } from "./errors.ts";

/** Headers that the user gives or sees: all text. */
export type JobHeaders = Readonly<Record<string, string>>;

/** Names that begin so are Ottla's own. */
export const RESERVED_PREFIX = "ottla-";

export const JOB_HEADER = "ottla-job";
export const ID_HEADER = "ottla-id";
export const ENQUEUED_AT_HEADER = "ottla-enqueued-at";
/** Only where the key is not the record's key. */
export const KEY_HEADER = "ottla-key";
/** `none`: the payload is undefined, and the value (JSON null) is not to be looked at. */
export const PAYLOAD_HEADER = "ottla-payload";
export const NO_PAYLOAD = "none";
/** The job's version. Only where it is not 1. */
export const VERSION_HEADER = "ottla-version";
/** Followed by a context's name; the value is JSON. */
export const CONTEXT_PREFIX = "ottla-context-";

/** Failures so far, and those of each retry rule, of a job that was re-enqueued. */
export const ATTEMPT_HEADER = "ottla-attempt";
export const RETRIES_HEADER = "ottla-retries";
/** Where its first record was, as `topic/partition/offset`: on every job that was moved. */
export const ORIGIN_HEADER = "ottla-origin";
/** Why it is a dead letter. */
export const ERROR_HEADER = "ottla-error";
/** How often it was interrupted and goes on where it was. */
export const RESUMPTION_HEADER = "ottla-resumption";
/** How far it had got then: which steps are finished, and where in the next one it is. */
export const PROGRESS_HEADER = "ottla-progress";
/** How often it was brought back from a dead letter topic. */
export const REDRIVE_HEADER = "ottla-redrive";

/** What a parked job is parked by. */
export const PARKED_BY_HEADER = "ottla-parked-by";
/** The id of the topic that it was in: one that was made again has other jobs at the same offsets. */
export const TOPIC_ID_HEADER = "ottla-topic-id";
/** Of a parked job or a schedule entry, whose record's key is not its own: the key of its record, if it has one. */
export const RECORD_KEY_HEADER = "ottla-record-key";
/** Its record has no value: a record without one deletes another in a compacted topic. */
export const NO_VALUE_HEADER = "ottla-no-value";

/**
 * Of a schedule entry: when it is due (ISO 8601), and the topic and partition that it is dispatched to. Of a dead letter whose
 * first record was not in its queue: the queue.
 */
export const AT_HEADER = "ottla-at";
export const TARGET_HEADER = "ottla-target";
export const TARGET_PARTITION_HEADER = "ottla-target-partition";
/** Of an entry's next record, which answers a request: what has become of it, and the request's key. */
export const VERDICT_HEADER = "ottla-verdict";
export const REQUEST_HEADER = "ottla-request";

/** Of a job that was enqueued by a recurring one: its name, and the tick that it is for (ISO 8601). */
export const RECURRING_HEADER = "ottla-recurring";
export const TICK_HEADER = "ottla-tick";

/** A header as a producer takes it. */
export type HeaderEntry = readonly [name: string, value: string];

/** What the headers of a first enqueue say. */
export interface JobHeaderFields {
  readonly name: string;
  readonly id: string;
  readonly enqueuedAt: string;
  /** Undefined where the record's key is the job's, or the job has none. */
  readonly key: string | undefined;
  readonly isVoid: boolean;
  /** Default 1. */
  readonly version?: number | undefined;
  /** What the app's contexts carry. */
  readonly contexts?: readonly HeaderEntry[] | undefined;
  readonly user: JobHeaders | undefined;
}

export function writeHeaders(fields: JobHeaderFields): HeaderEntry[] {
  const entries: HeaderEntry[] = [
    [JOB_HEADER, fields.name],
    [ID_HEADER, fields.id],
    [ENQUEUED_AT_HEADER, fields.enqueuedAt],
  ];
  if (fields.key !== undefined) entries.push([KEY_HEADER, fields.key]);
  if (fields.isVoid) entries.push([PAYLOAD_HEADER, NO_PAYLOAD]);
  if (fields.version !== undefined && fields.version > 1) entries.push([VERSION_HEADER, String(fields.version)]);
  if (fields.contexts !== undefined) entries.push(...fields.contexts);
  if (fields.user !== undefined) for (const name of Object.keys(fields.user)) entries.push([name, fields.user[name]!]);
  return entries;
}

/** The user's headers, checked: text under names that are not Ottla's own. A copy, so that later changes do no harm. */
export function checkUserHeaders(headers: unknown, option: string): JobHeaders {
  const given = checkOptions(headers, option, Object.keys((headers as object | null | undefined) ?? {}));
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      if (name === "") throw new InvalidOptionError(option, "a header needs a name");
      if (name.toLowerCase().startsWith(RESERVED_PREFIX)) {
        throw new InvalidOptionError(`${option}.${name}`, `names that begin with "${RESERVED_PREFIX}" are taken`);
      }
      if (typeof value !== "string") {
        throw new InvalidOptionError(`${option}.${name}`, `${describe(value)} given, text is expected`);
      }
      return [name, value];
    }),
  );
}
