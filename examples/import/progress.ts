import { setTimeout as sleep } from "node:timers/promises";
import { paintWorker } from "../flights/picture.ts";
import type { RunLogs } from "../flights/run-log.ts";
import type { Terminal } from "../flights/terminal.ts";
import { now } from "../flights/wall-clock.ts";
import type { Import, ImportEvent } from "./run.ts";

const PAUSE = 50;
const PATIENCE = 60_000;

/** One import, as far as its workers have noted. */
interface State {
  readonly rows: number;
  done: number;
  /** Who processes its rows. */
  worker: string | undefined;
  /** Whether that worker has got further with it. */
  isAhead: boolean;
  isFinished: boolean;
}

/** Follows the imports while they are under way, and shows how far they are. */
export class Progress {
  readonly events: ImportEvent[] = [];
  readonly #logs: RunLogs<ImportEvent>;
  readonly #terminal: Terminal;
  readonly #states: ReadonlyMap<string, State>;
  readonly #rows: number;
  #isShown = false;
  readonly #lastEnds = new Map<string, number>();

  constructor(logs: RunLogs<ImportEvent>, imports: readonly Import[], terminal: Terminal) {
    this.#logs = logs;
    this.#terminal = terminal;
    this.#states = new Map(
      imports.map(({ id, from, to }) => [
        id,
        { rows: to - from, done: 0, worker: undefined, isAhead: false, isFinished: false },
      ]),
    );
    this.#rows = imports.reduce((sum, { from, to }) => sum + to - from, 0);
  }

  get done(): number {
    return [...this.#states.values()].reduce((sum, { done }) => sum + done, 0) / this.#rows;
  }

  get isFinished(): boolean {
    return [...this.#states.values()].every(({ isFinished }) => isFinished);
  }

  /** What each worker is in the middle of: for each of its imports, the rows that are left. */
  get underWay(): Map<string, number[]> {
    const workers = new Map<string, number[]>();
    for (const { worker, rows, done, isFinished } of this.#states.values()) {
      if (worker === undefined || isFinished) continue;
      workers.set(worker, [...(workers.get(worker) ?? []), rows - done]);
    }
    return workers;
  }

  /** The imports that a worker is in the middle of. */
  importsOf(worker: string): string[] {
    return this.#of(worker).map(([id]) => id);
  }

  /** Whether a worker has got further with all of its imports: one with which it has not is not interrupted yet. */
  isAtWork(worker: string): boolean {
    return this.#of(worker).every(([, { isAhead }]) => isAhead);
  }

  #of(worker: string): [id: string, State][] {
    return [...this.#states].filter(([, each]) => each.worker === worker && !each.isFinished);
  }

  /** When a worker has ended an import last. */
  lastEnd(worker: string): number {
    return this.#lastEnds.get(worker) ?? Number.NEGATIVE_INFINITY;
  }

  /** Resolves once `isReached` says so. Throws what `check` throws, and where nothing happens for a minute. */
  async until(isReached: () => boolean, check: () => void): Promise<void> {
    let lastEvent = now();
    for (;;) {
      check();
      const events = await this.#logs.next();
      for (const event of events) this.#take(event);
      this.#show();
      if (isReached()) return;
      if (events.length > 0) lastEvent = now();
      else if (now() - lastEvent > PATIENCE) throw new Error(`nothing has happened for ${PATIENCE / 1000} s`);
      await sleep(PAUSE);
    }
  }

  #take(event: ImportEvent): void {
    this.events.push(event);
    const state = this.#states.get(event.id);
    if (state === undefined) return;
    if (event.event === "finished") {
      state.isFinished = true;
      this.#lastEnds.set(event.worker, event.at);
    }
    if (event.event === "begun") Object.assign(state, { worker: event.worker, isAhead: false });
    if (event.event !== "row") return;
    state.done = Math.max(state.done, event.row + 1);
    if (event.worker === state.worker) state.isAhead = true;
  }

  #show(): void {
    if (this.#isShown) return;
    this.#isShown = this.isFinished;
    const letters = [...this.#states.values()].map(({ worker, isFinished }) => {
      if (isFinished) return "✓";
      return worker === undefined ? "·" : paintWorker(this.#terminal, worker);
    });
    // The last step of an import comes after its rows.
    const done = this.isFinished ? 1 : Math.min(0.99, this.done);
    this.#terminal.progress("Importing", done, `${String(Math.floor(done * 100)).padStart(3)} %  ${letters.join("")}`);
  }
}
