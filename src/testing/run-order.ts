import type { LoggedRun, SeenJob } from "./job-log.ts";

/** One key's jobs, and their runs. */
export interface KeyedRuns {
  readonly key: string;
  /** In the order of their enqueueing. */
  readonly ids: readonly string[];
  /** In the order of their starts. */
  readonly runs: readonly LoggedRun[];
}

type KeyOf = (job: SeenJob | LoggedRun) => unknown;

/**
 * Sorts what was enqueued and run by `keyOf`. What was enqueued elsewhere takes its place where it was first run, and what
 * was scheduled where it was dispatched to; a job that has not run is told by its payload as it was enqueued, which
 * `isSame` says is what `perform` gets.
 */
export function gatherByKey(
  all: readonly SeenJob[],
  runs: readonly LoggedRun[],
  keyOf: KeyOf,
  isSame: boolean,
): KeyedRuns[] {
  const jobs = all.filter(({ dueAt }) => dueAt === undefined);
  const byId = new Map<string, (SeenJob | LoggedRun)[]>();
  if (isSame) for (const job of jobs) byId.set(job.id, [job]);
  for (const run of runs) byId.set(run.id, [...(byId.get(run.id) ?? []), run]);
  const keys = new Map<string, { ids: string[]; runs: LoggedRun[] }>();
  for (const id of new Set([...jobs.map((job) => job.id), ...byId.keys()])) {
    const own = byId.get(id);
    if (own === undefined) continue;
    const key = String(keyOf(own.at(-1)!));
    const group = keys.get(key) ?? { ids: [], runs: [] };
    keys.set(key, group);
    group.ids.push(id);
    group.runs.push(...own.filter((each): each is LoggedRun => "began" in each));
  }
  const scheduled = new Set(all.flatMap(({ id, dueAt }) => (dueAt === undefined ? [] : id)));
  return [...keys].map(([key, group]) => ({
    ...{ key, ids: inPlace(group.ids, scheduled, (id) => byId.get(id)![0]!) },
    runs: group.runs.sort((a, b) => a.began - b.began),
  }));
}

/** Puts those that were scheduled before the first that stands behind them in their partition. */
function inPlace(
  ids: readonly string[],
  scheduled: ReadonlySet<string>,
  first: (id: string) => SeenJob | LoggedRun,
): string[] {
  const placed = ids.filter((id) => !scheduled.has(id));
  for (const id of ids.filter((each) => scheduled.has(each))) {
    const { partition, offset } = first(id);
    const behind = placed.findIndex((each) => {
      const other = first(each);
      return other.partition === partition && other.offset > offset;
    });
    placed.splice(behind < 0 ? placed.length : behind, 0, id);
  }
  return placed;
}

/**
 * What of one key was not in order, in words; undefined: all of it was. First starts follow the order of enqueueing, no
 * two runs overlap, and who has begun a job goes back to an earlier one only as a new owner of the partition.
 */
export function disorderOf({ ids, runs }: KeyedRuns): string | undefined {
  const places = new Map(ids.map((id, place) => [id, place]));
  const reached = new Map<string, number>();
  let next = 0;
  let last: LoggedRun | undefined;
  for (const run of runs) {
    const place = places.get(run.id)!;
    const what = describeRun(run);
    if (place > next) return `${what} was started before job ${ids[next]}, which was enqueued earlier`;
    if (last !== undefined && (last.ended === undefined || last.ended > run.began)) {
      return `${what} was started while ${describeRun(last)} was running`;
    }
    if (place < (reached.get(run.ownership) ?? 0)) return `${what} was started again after a later job`;
    reached.set(run.ownership, place);
    next = Math.max(next, place + 1);
    if (last === undefined || last.ended! < (run.ended ?? Number.POSITIVE_INFINITY)) last = run;
  }
  return undefined;
}

export function describeRun({ id, attempt, worker }: LoggedRun): string {
  return `attempt ${attempt} at job ${id} (${worker})`;
}
