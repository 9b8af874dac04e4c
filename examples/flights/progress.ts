import { setTimeout as sleep } from "node:timers/promises";
import { paintWorker } from "./picture.ts";
import { count } from "./report.ts";
import type { RunEvent, RunLogs } from "./run-log.ts";
import type { Terminal } from "./terminal.ts";
import { now } from "./wall-clock.ts";

const PAUSE = 100;
/** A partition in which nothing has started for so long is shown as idle. */
const IDLE = 500;
const PATIENCE = 60_000;

/** Follows a run while it is under way, and shows how far it is. */
export class Progress {
  /** Everything that the workers have noted so far. */
  readonly events: RunEvent[] = [];
  readonly #logs: RunLogs;
  readonly #jobs: number;
  readonly #terminal: Terminal;
  /** Jobs that have ended at least once. */
  readonly #ended = new Set<string>();
  /** By partition, the last start. */
  readonly #lastStarts: (RunEvent | undefined)[];
  #began: number | undefined;

  constructor(logs: RunLogs, jobs: number, partitions: number, terminal: Terminal) {
    this.#logs = logs;
    this.#jobs = jobs;
    this.#terminal = terminal;
    this.#lastStarts = Array.from({ length: partitions }, () => undefined);
  }

  /** Resolves once so many jobs have ended. Throws what `check` throws, and where nothing happens for a minute. */
  async until(jobs: number, check: () => void): Promise<void> {
    let lastEvent = now();
    while (this.#ended.size < jobs) {
      await sleep(PAUSE);
      check();
      const events = await this.#logs.next();
      for (const event of events) this.#take(event);
      this.#show();
      if (events.length > 0) lastEvent = now();
      else if (now() - lastEvent > PATIENCE) {
        throw new Error(`no job has started or ended for ${PATIENCE / 1000} s; ${this.#ended.size} have ended`);
      }
    }
  }

  /** The worker that runs the most partitions. */
  busiest(): string | undefined {
    const workers = this.#lastStarts.flatMap((last) => (last === undefined ? [] : [last.worker]));
    const partitionsOf = (worker: string): number => workers.filter((each) => each === worker).length;
    return workers.sort((a, b) => partitionsOf(b) - partitionsOf(a))[0];
  }

  #take(event: RunEvent): void {
    this.#began ??= event.at;
    this.events.push(event);
    if (event.event === "end") this.#ended.add(`${event.partition}/${event.offset}`);
    else this.#lastStarts[event.partition] = event;
  }

  #show(): void {
    const ended = this.#ended.size;
    const rate = Math.round(ended / ((now() - (this.#began ?? now())) / 1000 || 1));
    const owners = this.#lastStarts.map((last) => (last !== undefined && now() - last.at < IDLE ? last.worker : "·"));
    const shown = owners.map((worker) => (worker === "·" ? worker : paintWorker(this.#terminal, worker))).join("");
    this.#terminal.progress("Running", ended / this.#jobs, `${count(ended)} jobs, ${count(rate)}/s  ${shown}`);
  }
}
