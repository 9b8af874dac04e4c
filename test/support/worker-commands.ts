import fc from "fast-check";
import type { Broker } from "../../src/broker/mod.ts";
import type { MemoryTransport } from "../../src/net/memory.ts";
import type { InstanceClock, VirtualClock } from "../../src/testing/virtual-clock.ts";

/** Something that happens in any world of workers. `who` picks among the living. */
export type WorkerCommand =
  | { readonly do: "advance"; readonly ms: number }
  | { readonly do: "start" }
  | { readonly do: "close" | "crash"; readonly who: number }
  | { readonly do: "pause" | "isolate"; readonly who: number; readonly ms: number }
  | { readonly do: "disconnect" }
  | {
      readonly do: "fault";
      readonly kind: "drop" | "cut";
      readonly api: string;
      readonly when: "beforeApply" | "afterApply";
    }
  | { readonly do: "fail"; readonly api: string; readonly errorCode: number; readonly times: number };

/** A world of workers, each with a clock and a network of its own. */
export interface WorkerWorld<I extends { readonly clock: InstanceClock; readonly network: MemoryTransport }> {
  readonly broker: Broker;
  readonly time: VirtualClock;
  readonly living: readonly I[];
  startWorker(): Promise<unknown>;
  crash(instance: I): void;
  close(instance: I): Promise<void>;
  /** The instance is about to stand still, or to be cut off, for a while. */
  away?(instance: I): void;
}

export const who: fc.Arbitrary<number> = fc.nat(5);
/** For how long somebody is away. */
export const absence: fc.Arbitrary<number> = fc.integer({ min: 500, max: 20_000 });

export const advance: fc.Arbitrary<WorkerCommand> = fc.record({
  do: fc.constant("advance" as const),
  ms: fc.integer({ min: 1, max: 8_000 }),
});
export const start: fc.Arbitrary<WorkerCommand> = fc.record({ do: fc.constant("start" as const) });
export const end: fc.Arbitrary<WorkerCommand> = fc.record({
  do: fc.constantFrom("close" as const, "crash" as const),
  who,
});
export const disconnect: fc.Arbitrary<WorkerCommand> = fc.record({ do: fc.constant("disconnect" as const) });

/** A request of one of these APIs, or its answer, gets lost. */
export function fault(apis: readonly string[]): fc.Arbitrary<WorkerCommand> {
  return fc.record({
    do: fc.constant("fault" as const),
    kind: fc.constantFrom("drop" as const, "cut" as const),
    api: fc.constantFrom(...apis),
    when: fc.constantFrom("beforeApply" as const, "afterApply" as const),
  });
}

/** A broker gives one of these errors, up to three times. */
export function failure(
  errors: readonly { readonly api: string; readonly errorCode: number }[],
): fc.Arbitrary<WorkerCommand> {
  return fc
    .tuple(fc.constantFrom(...errors), fc.integer({ min: 1, max: 3 }))
    .map(([error, times]) => ({ do: "fail" as const, ...error, times }));
}

/** Makes the command happen. A command that makes no sense just then does nothing. `mostWorkers` live at once. */
export async function executeOnWorkers<I extends { readonly clock: InstanceClock; readonly network: MemoryTransport }>(
  world: WorkerWorld<I>,
  step: WorkerCommand,
  mostWorkers: number,
): Promise<void> {
  const { faults } = world.broker;
  switch (step.do) {
    case "advance":
      return world.time.advance(step.ms);
    case "start":
      if (world.living.length < mostWorkers) await world.startWorker();
      return;
    case "disconnect":
      return faults.disconnect();
    case "fault":
      return void faults[step.kind]({ api: step.api, when: step.when });
    case "fail":
      return void faults.fail({ api: step.api, errorCode: step.errorCode, times: step.times });
    default:
      return disturb(world, step);
  }
}

async function disturb<I extends { readonly clock: InstanceClock; readonly network: MemoryTransport }>(
  world: WorkerWorld<I>,
  step: Extract<WorkerCommand, { readonly who: number }>,
): Promise<void> {
  const instance = pick(world.living, step.who);
  if (instance === undefined) return;
  switch (step.do) {
    case "crash":
      return world.crash(instance);
    case "close":
      return world.close(instance);
    case "pause":
      world.away?.(instance);
      instance.clock.pause();
      await world.time.advance(step.ms);
      return instance.clock.resume();
    case "isolate":
      world.away?.(instance);
      instance.network.isolate();
      await world.time.advance(step.ms);
      instance.network.rejoin();
  }
}

/** Undefined: there is none. */
export function pick<T>(among: readonly T[], which: number): T | undefined {
  return among[which % Math.max(1, among.length)];
}
