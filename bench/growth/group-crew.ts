import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { ChildProgram } from "./child-program.ts";
import type { GrowthBench } from "./growth-bench.ts";
import type { MemberNews, MemberParams } from "./programs/member.ts";
import { wallClock } from "./wall-clock.ts";

/** Milliseconds in which a group comes to rest, however many are in it. */
const PATIENCE = 120_000;

type Report = MemberNews & { readonly kind: "report" };

/** A member of a group in a process of its own, and what is known of it. */
export interface Hand {
  /** Partitions that it has now. */
  owned(): number;
  /** When that changed last. */
  changedAt(): number;
  /** Tells it to begin or end; gives when it did. */
  ask(command: "work" | "close"): Promise<number>;
  tell(command: "pause" | "resume"): void;
  /** What it has run since it was asked last. */
  report(): Promise<Report>;
}

export type CrewParams = Omit<MemberParams, "group">;

/** Members of one group, to which more can be added. */
export interface Crew {
  readonly hands: readonly Hand[];
  add(): Promise<Hand>;
  /** Waits until these have all partitions between them, each at least `least`; gives when the last one was given. */
  settled(hands: readonly Hand[], partitions: number, least: number): Promise<number>;
}

export function createCrew(bench: GrowthBench, params: CrewParams): Crew {
  const group = `bench-${randomUUID()}`;
  const hands: Hand[] = [];
  return {
    hands,
    async add() {
      const hand = await hire(bench.start("member", { ...params, group }));
      hands.push(hand);
      return hand;
    },
    async settled(all, partitions, least) {
      const until = wallClock() + PATIENCE;
      const owned = (): number[] => all.map((hand) => hand.owned());
      while (owned().reduce((sum, count) => sum + count, 0) !== partitions || owned().some((count) => count < least)) {
        if (wallClock() > until)
          throw new Error(`a group of ${all.length} has not settled: ${owned()} of ${partitions} partitions`);
        await sleep(5);
      }
      return Math.max(...all.map((hand) => hand.changedAt()));
    },
  };
}

async function hire(child: ChildProgram): Promise<Hand> {
  let [owned, changedAt] = [0, 0];
  const reports: Report[] = [];
  const asked: number[] = [];
  const hear = (): void => {
    for (const news of child.takeAll<MemberNews>()) {
      if (news.kind === "report") reports.push(news);
      if (news.kind === "asked") asked.push(news.at);
      if (news.kind !== "owned") continue;
      owned = news.owned;
      changedAt = news.at;
    }
  };
  const first = async <T>(list: T[]): Promise<T> => {
    const until = wallClock() + PATIENCE;
    for (hear(); list.length === 0; hear()) {
      if (wallClock() > until) throw new Error("a member of the group does not answer");
      await sleep(5);
    }
    return list.shift()!;
  };
  await child.next();
  return {
    owned() {
      hear();
      return owned;
    },
    changedAt: () => changedAt,
    ask(command) {
      child.tell(command);
      return first(asked);
    },
    tell: (command) => child.tell(command),
    report() {
      child.tell("report");
      return first(reports);
    },
  };
}
