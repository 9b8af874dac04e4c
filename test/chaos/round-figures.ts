import { groupBy } from "../../src/client/group-by.ts";
import type { LedgerEntry } from "../support/ledger.ts";
import type { Passage } from "./do-fault.ts";

/** Milliseconds for which a partition may do nothing before that is a stall: a job may take as long. */
export const STALL = 1_000;
/** Milliseconds of one figure of the throughput. */
const BIN = 1_000;

/** When something of each partition began or ended. */
export function activity(entries: readonly LedgerEntry[]): ReadonlyMap<number, readonly number[]> {
  const found = new Map<number, number[]>();
  for (const entry of entries) {
    if (entry.what !== "start" && entry.what !== "end" && entry.what !== "row") continue;
    const own = found.get(entry.partition);
    if (own === undefined) found.set(entry.partition, [entry.at]);
    else own.push(entry.at);
  }
  return found;
}

/** What a passage cost, in milliseconds. */
export interface Cost {
  /** The longest time in which any partition did nothing. */
  readonly stall: number;
  /** From the first fault until no partition stood still any more. 0: none did for longer than {@link STALL}. */
  readonly recovery: number;
}

export function costOf(
  times: ReadonlyMap<number, readonly number[]>,
  { from, to }: Pick<Passage, "from" | "to">,
): Cost {
  let stall = 0;
  let recovery = 0;
  for (const own of times.values()) {
    for (let i = 1; i < own.length; i++) {
      const [before, at] = [own[i - 1]!, own[i]!];
      if (at < from || before > to) continue;
      const gap = at - Math.max(before, from);
      stall = Math.max(stall, gap);
      if (gap > STALL) recovery = Math.max(recovery, at - from);
    }
  }
  return { stall: Math.round(stall), recovery: Math.round(recovery) };
}

/** How many jobs ended well in each second from `from` on. */
export function throughput(entries: readonly LedgerEntry[], from: number, to: number): number[] {
  const bins = new Array<number>(Math.max(1, Math.ceil((to - from) / BIN))).fill(0);
  for (const entry of entries) {
    if (entry.what !== "end" || !entry.ok) continue;
    const bin = Math.floor((entry.at - from) / BIN);
    if (bin >= 0 && bin < bins.length) bins[bin]! += 1;
  }
  return bins;
}

/** A job that ran again after it had ended well. */
export interface Rerun {
  /** How long (ms) before its worker was killed, frozen, or lost it: the window in which it was not committed. */
  readonly age: number;
  /** Whether the worker died or was frozen, and could reach the brokers until then. */
  readonly isSudden: boolean;
}

/** What ended well and ran again, with why. `hurt`: when brokers or connections were away, and commits late. */
export function reruns(entries: readonly LedgerEntry[], hurt: readonly Pick<Passage, "from" | "to">[]): Rerun[] {
  const ended = new Map<string, { readonly by: string; readonly at: number }>();
  const away = entries.flatMap((entry) =>
    entry.what === "died" || entry.what === "away" || entry.what === "lost" ? [entry] : [],
  );
  const ends = groupBy(away, ({ by }) => by);
  const found: Rerun[] = [];
  for (const entry of entries) {
    if (entry.what !== "start" && entry.what !== "end") continue;
    const place = `${entry.partition}/${entry.offset}`;
    if (entry.what === "end") {
      if (entry.ok) ended.set(place, entry);
      continue;
    }
    const before = ended.get(place);
    if (before === undefined) continue;
    const end = ends
      .get(before.by)
      ?.find((each) => each.at >= before.at && (!("partition" in each) || each.partition === entry.partition));
    const at = end?.at ?? entry.at;
    const isHurt = hurt.some(({ from, to }) => before.at <= to && at >= from);
    found.push({ age: Math.max(0, at - before.at), isSudden: !isHurt && end !== undefined && end.what !== "lost" });
  }
  return found;
}
