import { now } from "../../examples/flights/wall-clock.ts";
import type { Crew } from "./crew.ts";
import type { FaultRun } from "./fault-run.ts";

/** Hurts the crew of a run, and resolves once it has got over that, with as many workers as before. */
export type Hurt = (run: FaultRun) => Promise<void>;

/** What can happen to workers while jobs are enqueued. */
export const HURTS: Readonly<Record<string, Hurt>> = {
  async kill({ crew }) {
    crew.kill(crew.busiest);
    crew.hire();
  },

  async freeze(run) {
    await frozen(run, run.crew.busiest, () => {});
  },

  /** As a deploy does: each worker is closed, and another one comes in its place. */
  async roll({ crew }) {
    for (const by of crew.living) {
      await crew.dismiss(by);
      const next = crew.hire();
      await takesPart(crew, next);
    }
  },

  /** As a deploy that brings the new ones first. */
  async surge({ crew }) {
    const old = crew.living;
    const fresh = old.map(() => crew.hire());
    for (const next of fresh) await takesPart(crew, next);
    await Promise.all(old.map((by) => crew.dismiss(by)));
  },

  async "kill beside a frozen one"(run) {
    const { crew } = run;
    await frozen(run, crew.busiest, (by) => {
      crew.kill(crew.living.find((other) => other !== by)!);
      crew.hire();
    });
  },

  async "kill amid a roll"({ crew }) {
    const [closing, dying] = crew.living;
    const closed = crew.dismiss(closing!);
    crew.kill(dying!);
    crew.hire();
    crew.hire();
    await closed;
  },

  async "kill a frozen one"(run) {
    const { crew } = run;
    const by = crew.busiest;
    const had = await freezeAtWork(run, by);
    await elsewhere(crew, by, had);
    crew.kill(by);
    crew.hire();
  },
};

/** Jobs that each partition of a worker has before it is frozen, and how long (ms) each takes. */
const BURST = 8;
const BURST_JOB = 150;

/** Freezes a worker while all its partitions have jobs under way, and more to start once it goes on. Gives the partitions. */
async function freezeAtWork(run: FaultRun, by: string): Promise<readonly number[]> {
  const { crew } = run;
  let nextBurst = 0;
  await crew.until(
    () => `all partitions of ${by} have jobs under way`,
    async () => {
      if (crew.notes.isBusy(by)) return true;
      if (now() < nextBurst) return false;
      // Its partitions may have changed since the last one.
      nextBurst = now() + BURST * BURST_JOB;
      const keys = crew.notes.ownedBy(by).map((partition) => run.keyOf(partition));
      await run.enqueue(Array.from({ length: BURST }, () => keys.map((key) => ({ key, takes: BURST_JOB }))).flat());
      return false;
    },
  );
  crew.freeze(by);
  return crew.notes.ownedBy(by);
}

/** Freezes a worker whose jobs all wait. */
export const freezeWaiting: Hurt = async (run) => {
  const by = run.crew.busiest;
  run.crew.freeze(by);
  await untilItKnows(run, by, run.crew.notes.ownedBy(by));
};

/** Freezes a worker until all that it had is another's, and lets it go on until it knows. */
async function frozen(run: FaultRun, by: string, meanwhile: (by: string) => void): Promise<void> {
  const had = await freezeAtWork(run, by);
  meanwhile(by);
  await untilItKnows(run, by, had);
}

async function untilItKnows({ crew }: FaultRun, by: string, had: readonly number[]): Promise<void> {
  await elsewhere(crew, by, had);
  const since = now();
  crew.thaw(by);
  const told = (partition: number): boolean =>
    crew.notes
      .read()
      .some(
        (note) =>
          (note.what === "lost" || note.what === "revoked") &&
          note.by === by &&
          note.partition === partition &&
          note.at > since,
      );
  await crew.until(
    () => `${by} learns that it has lost ${had}`,
    () => had.every(told),
  );
}

/** Resolves once these partitions have been given to others than `by`, from now on. */
async function elsewhere(crew: Crew, by: string, partitions: readonly number[]): Promise<void> {
  const since = now();
  const isElsewhere = (partition: number): boolean =>
    crew.notes
      .read()
      .some((note) => note.what === "assigned" && note.by !== by && note.partition === partition && note.at > since);
  await crew.until(
    () => `${partitions} are another's than ${by}'s`,
    () => partitions.every(isElsewhere),
  );
}

/** Resolves once a worker has been given something. */
async function takesPart(crew: Crew, by: string): Promise<void> {
  await crew.until(
    () => `${by} takes part`,
    () => crew.notes.ownedBy(by).length > 0,
  );
}
