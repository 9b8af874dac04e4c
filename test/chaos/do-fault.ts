import { now } from "../../examples/flights/wall-clock.ts";
import { sleep, systemClock } from "../../src/net/clock.ts";
import type { ChaosRun } from "./chaos-run.ts";
import { BROKERS, SiteError } from "./chaos-site.ts";
import { FAULTS, type Fault, type FaultKind } from "./choose-faults.ts";
import type { Detour } from "./detour.ts";

/** What happens to a run, and what of it no other fault may touch at the same time. */
export interface FaultScene {
  readonly run: ChaosRun;
  /** Ends all waiting, with the reason. */
  readonly signal: AbortSignal;
  /** Workers that something is being done to. */
  readonly taken: Set<string>;
}

const DELAY = 20;
const MORE_DELAY = 200;
const POISON = 12;
const SHARE = 3;

/** Has a fault happen, and resolves once it is over: not when its consequences are. */
export async function doFault(scene: FaultScene, fault: Fault): Promise<void> {
  await DEEDS[fault.kind](scene, fault);
}

type Deed = (scene: FaultScene, fault: Fault) => Promise<void>;

const DEEDS: Readonly<Record<FaultKind, Deed>> = {
  async kill(scene, { target, count, ms }) {
    const { run } = scene;
    const most = Math.max(1, Math.floor(run.crew.living.length / 2));
    for (let i = 0; i < Math.min(count, most); i++) {
      const by = take(scene, target + i / SHARE);
      if (by !== undefined) kill(scene, by);
    }
    await rest(scene, ms);
    while (run.crew.living.length < run.plan.workers) await run.hire();
  },

  freeze: frozen,
  pause: frozen,

  async freezeKill(scene, { target, ms }) {
    const by = take(scene, target);
    if (by === undefined) return;
    scene.run.crew.freeze(by);
    await rest(scene, ms);
    kill(scene, by);
    await scene.run.hire();
  },

  roll,

  async surge(scene, { count }) {
    const { run } = scene;
    const old = run.crew.living.slice(0, 1 + count).flatMap((by) => (hold(scene, by) ? [by] : []));
    const fresh = await Promise.all(old.map(() => run.hire()));
    await Promise.all(fresh.map((by) => run.takesPart(by)));
    await Promise.all(old.map((by) => dismiss(scene, by)));
  },

  async brokerKill(scene, fault) {
    await withBroker(scene, fault, async (broker) => {
      await scene.run.site.kill(broker);
      await rest(scene, fault.ms);
      await scene.run.site.start(broker);
    });
  },

  async brokerRestart(scene, fault) {
    await withBroker(scene, fault, async (broker) => {
      await scene.run.site.stop(broker);
      await scene.run.site.start(broker);
    });
  },

  async brokerPause(scene, fault) {
    const { pause, resume } = scene.run.site;
    await withBroker(scene, fault, async (broker) => {
      await pause!(broker);
      await rest(scene, fault.ms);
      await resume!(broker);
    });
  },

  async delay(scene, fault) {
    await onTheWay(scene, fault, (detour) => detour.delay(() => DELAY + MORE_DELAY * fault.target * Math.random()));
  },

  async cut(scene, fault) {
    await onTheWay(scene, fault, (detour) => detour.cut(true));
  },

  async hold(scene, fault) {
    await onTheWay(scene, fault, (detour) => detour.hold());
  },

  async halfOpen(scene, fault) {
    await onTheWay(scene, fault, (detour) => detour.mute());
  },

  async poison({ run: { load } }) {
    load.enqueue(Array.from({ length: POISON }, () => ({ key: load.key(), takes: 1, does: "fail" })));
  },

  async killer({ run: { load } }) {
    load.enqueue([{ key: load.key(), takes: 5, does: "kill" }]);
  },

  async growth(scene, fault) {
    await scene.run.grow();
    await roll(scene, fault);
  },
};

/** Each worker is closed, and another comes in its place. */
async function roll(scene: FaultScene, _fault: Fault): Promise<void> {
  for (const by of scene.run.crew.living) {
    if (!hold(scene, by)) continue;
    await scene.run.takesPart(await scene.run.hire());
    await dismiss(scene, by);
  }
}

async function frozen(scene: FaultScene, { target, ms }: Fault): Promise<void> {
  const { crew } = scene.run;
  const by = take(scene, target);
  if (by === undefined) return;
  crew.freeze(by);
  await rest(scene, ms);
  crew.thaw(by);
  scene.taken.delete(by);
}

/** Hits a broker. Who cannot reach it may be expelled by it, and not learn of that. */
async function withBroker(scene: FaultScene, { target }: Fault, hit: (broker: number) => Promise<void>): Promise<void> {
  for (const by of scene.run.crew.living) scene.run.crew.lose(by);
  await hit(1 + Math.floor(target * BROKERS));
}

async function onTheWay(scene: FaultScene, fault: Fault, hurt: (detour: Detour) => void): Promise<void> {
  const { run } = scene;
  const { detours, who } = reached(scene, fault);
  for (const by of who) run.crew.lose(by);
  for (const detour of detours) hurt(detour);
  await rest(scene, fault.ms);
  for (const detour of detours) detour.heal();
  for (const by of who) scene.taken.delete(by);
}

function reached(
  scene: FaultScene,
  { reach, target }: Fault,
): { readonly detours: readonly Detour[]; readonly who: readonly string[] } {
  const { detours, crew } = scene.run;
  if (reach === "all") return { detours: detours.all, who: crew.living };
  if (reach === "broker") return { detours: detours.to(1 + Math.floor(target * BROKERS)), who: crew.living };
  const by = take(scene, target);
  return by === undefined ? { detours: [], who: [] } : { detours: detours.of(by), who: [by] };
}

/** A worker that nothing else is being done to, and from now on nothing else is. Undefined: there is none. */
function take(scene: FaultScene, target: number): string | undefined {
  const free = scene.run.crew.living.filter((by) => !scene.taken.has(by));
  const by = free[Math.floor((target % 1) * free.length)];
  if (by !== undefined) scene.taken.add(by);
  return by;
}

function hold({ run, taken }: FaultScene, by: string): boolean {
  if (taken.has(by) || !run.crew.living.includes(by)) return false;
  taken.add(by);
  return true;
}

/** It may have died of a job. */
function kill({ run, taken }: FaultScene, by: string): void {
  if (run.crew.living.includes(by)) run.kill(by);
  taken.delete(by);
}

async function dismiss({ run, taken }: FaultScene, by: string): Promise<void> {
  if (run.crew.living.includes(by)) await run.dismiss(by);
  taken.delete(by);
}

/** Waits so many milliseconds, or rejects once all waiting is to end. */
export async function rest({ signal }: Pick<FaultScene, "signal">, ms: number): Promise<void> {
  await sleep(systemClock, ms, signal);
  signal.throwIfAborted();
}

/** Faults that came together, and when: from the first sign of them to when all goes on again. */
export interface Passage {
  readonly faults: readonly Fault[];
  readonly from: number;
  /** When nothing was done any more. */
  over: number;
  to: number;
}

export async function passThrough(scene: FaultScene, faults: readonly Fault[]): Promise<Passage> {
  const passage: Passage = { faults, from: now(), over: 0, to: 0 };
  scene.taken.clear();
  await Promise.all(faults.map((fault) => doFault(scene, fault)));
  passage.over = now();
  await scene.run.everythingGoesOn();
  passage.to = now();
  if (faults.some(({ kind }) => FAULTS[kind].where === "brokers")) {
    await scene.run.healed().catch((error: unknown) => {
      throw scene.run.crew.trouble === undefined
        ? new SiteError("the cluster does not become whole again", error)
        : error;
    });
  }
  return passage;
}
