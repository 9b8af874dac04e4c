import { setTimeout as pause } from "node:timers/promises";
import type { App, Job, ScheduledJob } from "ottla";
import type { Asked, AskedRequest } from "../support/check-schedules.ts";
import type { Task } from "./kill-run.ts";

const KEYS = 40;
/** Milliseconds within which everything falls due. */
const SPAN = 3_000;
/** What is past by the time of its call would go out at once. */
const SOONEST = 1_000;
/** One in so many is asked about. */
const ASKED_ONE_IN = 8;

/** Whoever schedules jobs, and cancels and moves some of them just as they fall due. */
export class ScheduleLoad {
  readonly asked: Asked[] = [];
  readonly #app: App;
  readonly #job: Job<Task>;
  readonly #words: Promise<void>[] = [];

  constructor(app: App, job: Job<Task>) {
    this.#app = app;
    this.#job = job;
  }

  /** Schedules so many, due from now on, and asks about some of them as they fall due. What fails may wait or not. */
  async schedule(count: number, random: () => number): Promise<void> {
    const made = Array.from({ length: count }, (_, i): Asked => {
      const key = `k${Math.floor(random() * KEYS)}`;
      return { kind: "job", n: this.asked.length + i, key, handle: undefined, requests: [] };
    });
    this.asked.push(...made);
    const all = made.map(async (asked) => {
      const { n, key } = asked;
      // Some of them at the same instants.
      const waitUntil = 50 * Math.ceil((Date.now() + SOONEST + random() * SPAN) / 50);
      const job = this.#job.set({ waitUntil }).performLater({ n, key, takes: 0 }) as Promise<ScheduledJob>;
      asked.handle = await job;
      if (random() * ASKED_ONE_IN < 1) this.#words.push(this.#ask(asked, waitUntil - Date.now(), random));
    });
    await Promise.allSettled(all);
  }

  async #ask(asked: Asked, wait: number, random: () => number): Promise<void> {
    await pause(Math.max(0, wait - 300 + 350 * random()));
    const kind = random() < 0.5 ? "cancel" : "reschedule";
    const request: AskedRequest = { kind, verdict: "pending" };
    asked.requests.push(request);
    const { handle } = asked;
    try {
      request.verdict =
        kind === "cancel"
          ? await this.#app.cancel(handle!)
          : await this.#app.reschedule(handle!, { wait: Math.floor(random() * SPAN) });
    } catch {
      request.verdict = "unknown";
    }
  }

  /** Resolves once there is a word on all that was asked. */
  async answered(): Promise<void> {
    await Promise.all(this.#words);
  }

  /** How many requests got which word. */
  get verdicts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { requests } of this.asked)
      for (const { verdict } of requests) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
    return counts;
  }
}
