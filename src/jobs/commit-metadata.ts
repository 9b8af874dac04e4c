import { CommitMetadataError } from "./errors.ts";

/** A job that has failed, or was running when its process died: what its next owner has to know. */
export interface FailingJob {
  readonly offset: number;
  /** Attempts so far. */
  readonly attempt: number;
  /** How often each of the job's retry rules has applied, in the order of their declaration; at most 8. */
  readonly counters: readonly number[];
  /** Milliseconds since 1970 before which it is not tried again, or 0. */
  readonly nextRetryAt: number;
  /** It was running when its process died. */
  readonly suspect: boolean;
}

/** What is committed beside an offset. */
export interface CommitMetadata {
  /** The topic's id: a topic that was made again voids the offset. */
  readonly topicId: string;
  /** An owner has begun to start jobs and has not released the partition since. */
  readonly open: boolean;
  /** Finished offsets at or above the committed one, ascending. */
  readonly finished: readonly number[];
  readonly failing: readonly FailingJob[];
}

/** No more than brokers take by default (`offset.metadata.max.bytes`). */
export const MAX_METADATA_CHARS = 4_096;
/** Offsets from the committed one that metadata can tell of. */
export const MAX_SPAN = 8_192;
export const MAX_FAILING = 64;
export const MAX_COUNTERS = 8;
/** What a failing job's counter, and its attempts, stay at once they get there. */
export const MAX_COUNTER = 4_095;
export const MAX_ATTEMPT = 1_073_741_823;

const VERSION = "1";
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const VALUES: ReadonlyMap<string, number> = new Map([...DIGITS].map((digit, value) => [digit, value]));
const ID_CHARS = 22;

/**
 * Text for a commit at `offset`: version, `o`pen or `c`lean, topic id, bitmap, and the failing jobs, each at most 32
 * characters. The greatest span and number of failing jobs take 3,400 characters, so what is in range always fits.
 */
export function encodeCommitMetadata(offset: number, metadata: CommitMetadata): string {
  const { topicId, open, finished, failing } = metadata;
  if (failing.length > MAX_FAILING)
    throw new CommitMetadataError(`holds at most ${MAX_FAILING} failing jobs, not ${failing.length}`);
  const jobs = failing.map((job) => encodeFailing(deltaOf(offset, job.offset), job)).join("");
  return `${VERSION}${open ? "o" : "c"}${encodeId(topicId)}${encodeBitmap(offset, finished)}.${jobs}`;
}

/** Whether what was committed says that the job at `offset` is finished. */
export function saysFinished(
  committed: { readonly offset: number; readonly metadata: string },
  offset: number,
): boolean {
  if (committed.offset > offset) return true;
  return decodeCommitMetadata(committed.offset, committed.metadata)?.finished.includes(offset) === true;
}

/**
 * What was committed at `offset`. Undefined for "": a commit made by something else. Throws a
 * {@link CommitMetadataError} for any other text that this version did not write.
 */
export function decodeCommitMetadata(offset: number, text: string): CommitMetadata | undefined {
  if (text === "") return undefined;
  if (text[0] !== VERSION) {
    throw new CommitMetadataError(
      `begins with ${JSON.stringify(text.slice(0, 8))}, this version of Ottla reads "${VERSION}…"`,
    );
  }
  const state = text[1];
  const dot = text.indexOf(".", 2 + ID_CHARS);
  if ((state !== "o" && state !== "c") || dot < 0 || text.length > MAX_METADATA_CHARS) throw damaged(text);
  return {
    topicId: decodeId(text.slice(2, 2 + ID_CHARS), text),
    open: state === "o",
    finished: decodeBitmap(offset, text.slice(2 + ID_CHARS, dot), text),
    failing: decodeAllFailing(offset, text.slice(dot + 1), text),
  };
}

function deltaOf(offset: number, of: number): number {
  const delta = of - offset;
  if (Number.isInteger(delta) && delta >= 0 && delta < MAX_SPAN) return delta;
  throw new CommitMetadataError(`for offset ${offset} cannot tell of offset ${of}: it reaches ${MAX_SPAN} offsets`);
}

/** Six offsets a digit, the first in the lowest bit; nothing after the last finished one. */
function encodeBitmap(offset: number, finished: readonly number[]): string {
  const sextets: number[] = [];
  for (const each of finished) {
    const delta = deltaOf(offset, each);
    const at = Math.floor(delta / 6);
    while (sextets.length <= at) sextets.push(0);
    sextets[at]! |= 1 << (delta % 6);
  }
  return sextets.map((value) => DIGITS[value]).join("");
}

function decodeBitmap(offset: number, bitmap: string, text: string): number[] {
  if (bitmap.length > Math.ceil(MAX_SPAN / 6)) throw damaged(text);
  const finished: number[] = [];
  for (let at = 0; at < bitmap.length; at++) {
    const value = readNumber(bitmap, at, 1, text);
    for (let bit = 0; bit < 6; bit++) if (value & (1 << bit)) finished.push(offset + at * 6 + bit);
  }
  return finished;
}

/** Flags and number of counters (1 digit), delta (3), attempts (5), time (7), counters (2 each). */
function encodeFailing(delta: number, job: FailingJob): string {
  const { attempt, counters, nextRetryAt, suspect } = job;
  if (counters.length > MAX_COUNTERS) {
    throw new CommitMetadataError(
      `holds the counters of at most ${MAX_COUNTERS} retry rules of a job, not ${counters.length}`,
    );
  }
  const flags = counters.length * 2 + (suspect ? 1 : 0);
  return [
    writeNumber(flags, 1),
    writeNumber(delta, 3),
    writeNumber(Math.min(attempt, MAX_ATTEMPT), 5),
    writeNumber(Math.max(0, Math.ceil(nextRetryAt)), 7),
    ...counters.map((counter) => writeNumber(Math.min(counter, MAX_COUNTER), 2)),
  ].join("");
}

function decodeAllFailing(offset: number, jobs: string, text: string): FailingJob[] {
  const failing: FailingJob[] = [];
  for (let at = 0; at < jobs.length; ) {
    const flags = readNumber(jobs, at, 1, text);
    const count = flags >> 1;
    if (count > MAX_COUNTERS || failing.length === MAX_FAILING) throw damaged(text);
    const delta = readNumber(jobs, at + 1, 3, text);
    const attempt = readNumber(jobs, at + 4, 5, text);
    const nextRetryAt = readNumber(jobs, at + 9, 7, text);
    const counters = Array.from({ length: count }, (_, i) => readNumber(jobs, at + 16 + 2 * i, 2, text));
    if (delta >= MAX_SPAN) throw damaged(text);
    failing.push({ offset: offset + delta, attempt, counters, nextRetryAt, suspect: (flags & 1) === 1 });
    at += 16 + 2 * count;
  }
  return failing;
}

function encodeId(topicId: string): string {
  const hex = topicId.replaceAll("-", "");
  if (!/^[0-9a-f]{32}$/i.test(hex))
    throw new CommitMetadataError(`needs a topic id, ${JSON.stringify(topicId)} is none`);
  // 128 bits are 21 digits and 2 bits: 22 digits with the last four bits zero.
  const padded = `${hex}0`;
  let id = "";
  for (let i = 0; i < 33; i += 3) id += writeNumber(Number.parseInt(padded.slice(i, i + 3), 16), 2);
  return id;
}

function decodeId(id: string, text: string): string {
  let hex = "";
  for (let i = 0; i < ID_CHARS; i += 2) hex += readNumber(id, i, 2, text).toString(16).padStart(3, "0");
  if (hex[32] !== "0") throw damaged(text);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-");
}

/** Big-endian in digits of six bits. */
function writeNumber(value: number, digits: number): string {
  if (!Number.isSafeInteger(value) || value < 0 || value >= 64 ** digits) {
    throw new CommitMetadataError(`cannot hold ${value} in ${digits} digits`);
  }
  let text = "";
  for (let i = 0, rest = value; i < digits; i++, rest = Math.floor(rest / 64)) text = DIGITS[rest % 64]! + text;
  return text;
}

function readNumber(from: string, at: number, digits: number, text: string): number {
  let value = 0;
  for (let i = at; i < at + digits; i++) {
    const digit = VALUES.get(from[i] ?? "");
    if (digit === undefined) throw damaged(text);
    value = value * 64 + digit;
  }
  return value;
}

function damaged(text: string): CommitMetadataError {
  return new CommitMetadataError(
    `is damaged (${text.length} characters): reset the group's offset with Kafka's tools to go on without it`,
  );
}
