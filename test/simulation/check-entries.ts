import { groupBy } from "../../src/client/group-by.ts";
import type { EntryRecord, JobHistory } from "./job-tracker.ts";
import type { Asked, SimulatedWorld } from "./world.ts";

/** What of S7.2, S7.5, S8.6 and S8.7 does not hold of what waited in schedule topics: one line for each thing. */
export function checkEntries(world: SimulatedWorld): string[] {
  const problems: string[] = [];
  for (const n of world.tracker.numbers) {
    const history = world.tracker.history(n);
    const entries = groupBy(history.entries, ({ entry }) => entry);
    for (const records of entries.values()) problems.push(...checkEntry(n, records, history));
  }
  for (const asked of world.asked) problems.push(...checkRequests(asked, world.tracker.history(asked.plan.n)));
  for (const request of world.tracker.requests) problems.push(`S7.5 ${request} was never answered`);
  return [...problems, ...disorder(world)];
}

/** A record of an entry after its end can only say that a request came too late. */
function checkEntry(n: number, records: readonly EntryRecord[], history: JobHistory): string[] {
  const problems: string[] = [];
  let live: EntryRecord | undefined;
  let ended: EntryRecord | undefined;
  for (const record of records) {
    if (record.due !== undefined) {
      if (ended !== undefined) problems.push(`S8.6 ${n} waits again after its end`);
      live = record;
    } else if (record.verdict !== "tooLate") {
      if (ended !== undefined) problems.push(`S8.6 ${n} ended twice`);
      ended = record;
    } else if (ended === undefined) problems.push(`S7.5 ${n} was called too late, and waited`);
  }
  if (ended === undefined) return [...problems, `S8.6 ${n} waits still`];
  const sent = dispatched(records[0]!, history);
  const wanted = ended.verdict === "cancelled" ? 0 : 1;
  if (sent.length !== wanted) problems.push(`S8.7 ${n} was dispatched ${sent.length} times, ${wanted} is right`);
  for (const { timestamp } of sent)
    if (timestamp < live!.due!) problems.push(`S8.7 ${n} went out ${live!.due! - timestamp} ms too early`);
  return problems;
}

/** What came of an entry: a message, or the record of a job that carries on its counts. */
function dispatched(
  { counters }: EntryRecord,
  { queued, plain }: JobHistory,
): readonly { readonly timestamp: number }[] {
  return plain.length > 0 ? plain : queued.filter((each) => each.isMoved && each.counters === counters);
}

/** What askers were told is what the log says. */
function checkRequests({ plan: { n }, requests }: Asked, { entries }: JobHistory): string[] {
  const problems: string[] = [];
  const inLog = (verdict: string): number => entries.filter((each) => each.verdict === verdict).length;
  for (const verdict of ["cancelled", "rescheduled", "tooLate"] as const) {
    const told = requests.filter((each) => each.verdict === verdict).length;
    if (told > inLog(verdict))
      problems.push(`S7.5 ${n}: told ${verdict} ${told} times, the log says ${inLog(verdict)}`);
  }
  return problems;
}

/** Entries of one key that were due at one instant go out in the order in which they were scheduled. */
function disorder({ asked, tracker }: SimulatedWorld): string[] {
  const lines = new Map<string, { readonly first: number; readonly place: number }[]>();
  for (const { plan, kind, waits } of asked) {
    if (!waits) continue;
    const { entries, queued, plain } = tracker.history(plan.n);
    const own = entries.filter(({ isMoved, due }) => !isMoved && due !== undefined);
    const sent = kind === "message" ? plain[0] : queued[0];
    if (own.length !== 1 || sent === undefined) continue;
    const line = `${kind}/${"topic" in sent ? sent.topic : ""}/${sent.partition}/${plan.key}/${own[0]!.due}`;
    lines.set(line, [...(lines.get(line) ?? []), { first: own[0]!.offset, place: sent.offset }]);
  }
  return [...lines].flatMap(([line, sent]) => {
    const inOrder = sent.toSorted((a, b) => a.first - b.first);
    const isKept = inOrder.every(({ place }, i) => i === 0 || inOrder[i - 1]!.place < place);
    return isKept ? [] : [`S7.2 ${line} is out of order`];
  });
}
