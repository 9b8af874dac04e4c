import type { GroupProtocol } from "ottla";
import { wallClock } from "../wall-clock.ts";
import type { Channel } from "./channel.ts";
import { type HandlerOptions, handler } from "./handler.ts";
import { loadApp } from "./load.ts";

export interface MemberParams extends HandlerOptions {
  readonly group: string;
  readonly queue: string;
  readonly concurrency: number;
  readonly groupProtocol?: GroupProtocol;
}

/** Its partitions have changed; and once it is asked for a report, what it has run since it was asked last. */
export type MemberNews =
  | { readonly kind: "ready" }
  | { readonly kind: "asked"; readonly at: number }
  | { readonly kind: "owned"; readonly owned: number; readonly at: number }
  | { readonly kind: "report"; readonly ran: number; readonly longest: number; readonly at: number };

/**
 * A member of a group that does as it is told: "work" and "close", "pause" and "resume", "report".
 */
export async function run(params: MemberParams, { say, onCommand }: Channel): Promise<void> {
  const { group, queue, concurrency, groupProtocol } = params;
  const perform = handler(params);
  const app = loadApp(group, queue);
  const news = (what: MemberNews): void => say(what);
  let [owned, ran, longest] = [0, 0, 0];
  app.job<{ readonly sentAt?: number }>({
    name: "load",
    queue,
    async perform({ sentAt }) {
      if (sentAt !== undefined) longest = Math.max(longest, wallClock() - sentAt);
      const work = perform();
      if (work !== undefined) await work;
      ran++;
    },
  });
  const change = (by: number): void => {
    owned += by;
    news({ kind: "owned", owned, at: wallClock() });
  };
  app.on("assigned", ({ partitions }) => change(partitions.length));
  app.on("revoked", ({ partitions }) => change(-partitions.length));
  app.on("lost", ({ partitions }) => change(-partitions.length));
  let working: ReturnType<typeof app.work> | undefined;
  const commands: Readonly<Record<string, () => unknown>> = {
    work: () => {
      working = app.work({ concurrency, ...(groupProtocol === undefined ? {} : { groupProtocol }) });
      return working;
    },
    pause: async () => (await working)!.pause(queue),
    resume: async () => (await working)!.resume(queue),
    close: async () => (await working)!.close(),
    report: () => {
      news({ kind: "report", ran, longest, at: wallClock() });
      [ran, longest] = [0, 0];
    },
  };
  onCommand((command) => {
    if (command === "work" || command === "close") news({ kind: "asked", at: wallClock() });
    Promise.resolve(commands[command]!()).catch((error: unknown) => {
      console.error(error);
      globalThis.process.exit(1);
    });
  });
  // So that what is timed from then on is joining, not meeting the brokers.
  await app.topics.plan();
  news({ kind: "ready" });
}
