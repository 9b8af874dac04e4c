import type { Import, ImportEvent } from "./run.ts";

/** A worker that was told to end, was killed, or was taken for dead. */
export interface End {
  readonly kind: "redeploy" | "kill" | "lost";
  readonly worker: string;
  readonly at: number;
}

/** One run of an import's rows by one worker. */
export interface RowsRun {
  readonly worker: string;
  readonly at: number;
  /** The row that it begins at. */
  readonly cursor: number;
  readonly rows: readonly { readonly row: number; readonly at: number }[];
}

/** What became of one import. */
export interface History {
  readonly import: Import;
  readonly runs: readonly RowsRun[];
  readonly finished: readonly { readonly at: number; readonly cost: number }[];
}

/** The histories of all imports, in their order. */
export function historiesOf(imports: readonly Import[], events: readonly ImportEvent[]): History[] {
  // The sort is stable, and each worker's events come in its own order.
  const sorted = events.toSorted((a, b) => a.at - b.at);
  return imports.map((each) => {
    const own = sorted.filter(({ id }) => id === each.id);
    const runs: (RowsRun & { rows: { row: number; at: number }[] })[] = [];
    for (const event of own) {
      const { worker, at } = event;
      if (event.event === "begun") runs.push({ worker, at, cursor: event.cursor, rows: [] });
      if (event.event === "row") runs.findLast((run) => run.worker === worker)!.rows.push({ row: event.row, at });
    }
    const finished = own.flatMap((event) => (event.event === "finished" ? [{ at: event.at, cost: event.cost }] : []));
    return { import: each, runs, finished };
  });
}

/** Rows that were processed again because a worker had ended. */
export interface Repeats {
  readonly id: string;
  readonly worker: string;
  readonly rows: number;
  /** How long before the worker's last row the first of them had been processed, in milliseconds. */
  readonly span: number;
}

/** What each run of an import did again of the one before it; nothing where it went on at the next row. */
export function repeatsOf({ import: { id }, runs }: History): Repeats[] {
  return runs.slice(1).flatMap(({ cursor }, i) => {
    const { worker, rows } = runs[i]!;
    const again = rows.filter(({ row }) => row >= cursor);
    return again.length === 0 ? [] : [{ id, worker, rows: again.length, span: rows.at(-1)!.at - again[0]!.at }];
  });
}

/** Where rows were left out, or came in another order: each run goes from its cursor on, row by row. */
export function disorderOf(histories: readonly History[]): string[] {
  return histories.flatMap(({ import: { id, from, to }, runs }) => {
    const problems: string[] = [];
    let done = 0;
    for (const { worker, cursor, rows } of runs) {
      if (cursor > done) problems.push(`${id}: worker ${worker} began at row ${cursor}, though only ${done} were done`);
      const wrong = rows.find(({ row }, i) => row !== cursor + i);
      if (wrong !== undefined) problems.push(`${id}: worker ${worker} processed row ${wrong.row} out of its turn`);
      done = Math.max(done, cursor + rows.length);
    }
    if (done !== to - from) problems.push(`${id}: ${done} of ${to - from} rows were processed`);
    return problems;
  });
}

/** Imports of one user that were under way at once, or came in another order than their files. */
export function overlapsOf(histories: readonly History[]): string[] {
  return histories.flatMap((history, i) => {
    const before = histories[i - 1];
    if (before?.import.user !== history.import.user) return [];
    const end = before.finished[0]?.at ?? Number.POSITIVE_INFINITY;
    const begin = history.runs[0]?.at ?? Number.POSITIVE_INFINITY;
    return begin > end ? [] : [`${history.import.id} began before ${before.import.id} had ended`];
  });
}

/** Workers that were taken for dead: nothing that anybody did here. */
export function lossesOf(events: readonly ImportEvent[]): End[] {
  return events.filter(({ event }) => event === "lost").map(({ worker, at }) => ({ kind: "lost", worker, at }));
}

/** Rows that were processed again though the worker that had processed them had ended in good order, or not at all. */
export function unexplainedOf(histories: readonly History[], ends: readonly End[]): string[] {
  const gone = new Set(ends.filter(({ kind }) => kind !== "redeploy").map(({ worker }) => worker));
  return histories
    .flatMap(repeatsOf)
    .filter(({ worker }) => !gone.has(worker))
    .map(({ id, worker, rows }) => `${id}: ${rows} rows of worker ${worker}, which was not killed`);
}
