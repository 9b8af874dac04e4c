import type { ScheduledJob } from "../../src/jobs/dispatched-job.ts";
import type { JobRecord } from "../../src/jobs/received-job.ts";
import type { ReadRecord } from "../kill/read-committed.ts";

/** Something that was to wait for its time. */
export interface Asked {
  readonly n: number;
  readonly key: string;
  readonly kind: "job" | "plain";
  /** Undefined: nobody knows whether it waits, or ever did. */
  handle: Pick<ScheduledJob, "entry" | "topic" | "partition" | "offset" | "dueAt"> | undefined;
  readonly requests: AskedRequest[];
}

/** A request about an entry, and the word on it. */
export interface AskedRequest {
  readonly kind: "cancel" | "reschedule";
  /** "unknown": whoever asked was not told in time. */
  verdict: "pending" | "cancelled" | "rescheduled" | "tooLate" | "unknown";
}

/** What became of one entry, as the committed logs say. */
interface Fate {
  readonly asked: Asked;
  /** Its last record that has a value. */
  live: { readonly offset: number; readonly due: number; readonly request: string | undefined } | undefined;
  firstOffset: number;
  partition: number;
  /** Offset of the record that ended it. */
  endedAt: number | undefined;
  isCancelled: boolean;
  /** Verdicts in the order of the log. */
  readonly verdicts: { readonly verdict: string; readonly offset: number }[];
  wasMoved: boolean;
}

interface Dispatched {
  readonly n: number;
  readonly key: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
}

export interface ScheduleLogs {
  readonly schedule: readonly ReadRecord[];
  readonly queue: readonly ReadRecord[];
  readonly plain: readonly ReadRecord[];
  readonly dead: readonly ReadRecord[];
}

const decoder = new TextDecoder();

/** What S8.6, S8.7, S7.2 and S7.5 say of entries, held against the logs. One line for each thing that is not so. */
export function checkSchedules(all: readonly Asked[], logs: ScheduleLogs, ran: ReadonlySet<number>): string[] {
  const problems: string[] = [];
  const fates = readFates(all, logs.schedule, problems);
  const sent = new Map<number, Dispatched[]>();
  for (const each of [...logs.queue.map(asDispatched), ...logs.plain.map(asDispatched)])
    sent.set(each.n, [...(sent.get(each.n) ?? []), each]);
  for (const asked of all) {
    const fate = fates.get(asked.n);
    const own = sent.get(asked.n) ?? [];
    problems.push(...judge(asked, fate, own), ...judgeRequests(asked, fate, own.length > 0));
    if (asked.kind === "job" && own.length > 0 && !ran.has(asked.n)) problems.push(`S8.7 job ${asked.n} never ran`);
  }
  for (const { record } of logs.dead) problems.push(`S7.4 dead: ${decoder.decode(record.key ?? undefined)}`);
  for (const line of disorder([...fates.values()], logs)) problems.push(line);
  return problems;
}

function asDispatched({ record, partition }: ReadRecord): Dispatched {
  const { n, key } = JSON.parse(decoder.decode(record.value!)) as { n: number; key: string };
  return { n, key, partition, offset: record.offset, timestamp: record.timestamp };
}

function headerText(record: JobRecord, name: string): string | undefined {
  const found = record.headers.findLast(([key]) => key === name)?.[1];
  return found === undefined || found === null ? undefined : decoder.decode(found);
}

function readFates(all: readonly Asked[], log: readonly ReadRecord[], problems: string[]): Map<number, Fate> {
  const byEntry = new Map<string, Fate>();
  const byNumber = new Map<number, Fate>();
  const open = new Set<string>();
  for (const { record, partition } of log) {
    const key = decoder.decode(record.key!);
    if (key.startsWith("request/")) {
      open[record.value === null ? "delete" : "add"](key);
      continue;
    }
    let fate = byEntry.get(key);
    if (fate === undefined) {
      if (record.value === null) {
        problems.push(`S7.5 an end of ${key}, which never was`);
        continue;
      }
      const { n } = JSON.parse(decoder.decode(record.value)) as { n: number };
      fate = {
        ...{ asked: all[n]!, live: undefined, firstOffset: record.offset, partition, endedAt: undefined },
        ...{ isCancelled: false, verdicts: [], wasMoved: false },
      };
      byEntry.set(key, fate);
      if (byNumber.has(n)) problems.push(`S8.6 two entries of ${n}`);
      byNumber.set(n, fate);
    }
    const verdict = headerText(record, "ottla-verdict");
    if (verdict !== undefined) fate.verdicts.push({ verdict, offset: record.offset });
    if (record.value !== null) {
      if (fate.endedAt !== undefined) problems.push(`S8.6 ${fate.asked.n} waits again after its end`);
      fate.wasMoved ||= fate.live !== undefined;
      fate.live = {
        ...{ offset: record.offset, due: Date.parse(headerText(record, "ottla-at")!) },
        request: headerText(record, "ottla-request"),
      };
    } else if (verdict !== "tooLate") {
      if (fate.endedAt !== undefined) problems.push(`S8.6 ${fate.asked.n} ended twice`);
      fate.endedAt = record.offset;
      fate.isCancelled = verdict === "cancelled";
    } else if (fate.endedAt === undefined) problems.push(`S7.5 ${fate.asked.n} was called too late, and waited`);
  }
  for (const key of open) problems.push(`S7.5 ${key} was never answered`);
  return byNumber;
}

function judge({ n, handle }: Asked, fate: Fate | undefined, sent: readonly Dispatched[]): string[] {
  if (fate === undefined) {
    if (handle !== undefined) return [`S8.5 ${n} is lost`];
    return sent.length === 0 ? [] : [`S8.6 ${n} was dispatched, and never waited`];
  }
  const problems: string[] = [];
  if (fate.endedAt === undefined) problems.push(`S8.6 ${n} waits still`);
  const wanted = fate.isCancelled ? 0 : 1;
  if (sent.length !== wanted) problems.push(`S8.7 ${n} was dispatched ${sent.length} times, ${wanted} is right`);
  for (const { timestamp } of sent)
    if (timestamp < fate.live!.due) problems.push(`S8.7 ${n} went out ${fate.live!.due - timestamp} ms too early`);
  return problems;
}

/** What askers were told is what the log says. */
function judgeRequests({ n, requests }: Asked, fate: Fate | undefined, wasSent: boolean): string[] {
  const problems: string[] = [];
  for (const { verdict } of requests) {
    if (verdict === "pending") problems.push(`S7.5 nobody heard of a request about ${n}`);
    if (verdict === "cancelled" && (wasSent || !fate?.isCancelled)) problems.push(`S7.5 ${n} was not cancelled`);
    if (verdict === "tooLate" && fate?.endedAt === undefined) problems.push(`S7.5 ${n} was not gone`);
  }
  const count = (verdict: string): number => requests.filter((each) => each.verdict === verdict).length;
  for (const verdict of ["cancelled", "rescheduled", "tooLate"]) {
    const inLog = fate?.verdicts.filter((each) => each.verdict === verdict).length ?? 0;
    if (count(verdict) > inLog) problems.push(`S7.5 ${n}: told ${verdict} more often than the log says`);
  }
  return problems;
}

/** Entries of one key that were due at one instant go out in the order in which they were enqueued. */
function disorder(fates: readonly Fate[], logs: ScheduleLogs): string[] {
  const places = new Map<number, number>();
  for (const log of [logs.queue, logs.plain]) for (const each of log.map(asDispatched)) places.set(each.n, each.offset);
  const groups = new Map<string, Fate[]>();
  for (const fate of fates) {
    if (fate.wasMoved || fate.live === undefined || !places.has(fate.asked.n)) continue;
    const id = `${fate.asked.kind}/${fate.asked.key}/${fate.live.due}`;
    groups.set(id, [...(groups.get(id) ?? []), fate]);
  }
  const problems: string[] = [];
  for (const [id, group] of groups) {
    group.sort((a, b) => a.firstOffset - b.firstOffset);
    for (let i = 1; i < group.length; i++)
      if (places.get(group[i - 1]!.asked.n)! > places.get(group[i]!.asked.n)!)
        problems.push(`S7.2 ${id} is out of order`);
  }
  return problems;
}
