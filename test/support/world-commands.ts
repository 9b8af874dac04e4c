import fc from "fast-check";
import { ErrorCode } from "../../protocol/errors.ts";
import type { JobWorld, Payload } from "./job-world.ts";

/** Something that happens in a {@link JobWorld}. `who` picks among the living workers. */
export type Command =
  | { readonly do: "enqueue"; readonly keys: readonly number[]; readonly takes: number; readonly fails: number }
  | { readonly do: "advance"; readonly ms: number }
  | { readonly do: "start" }
  | { readonly do: "close"; readonly who: number }
  | { readonly do: "crash"; readonly who: number }
  | { readonly do: "pause"; readonly who: number; readonly ms: number }
  | { readonly do: "isolate"; readonly who: number; readonly ms: number }
  | { readonly do: "disconnect" }
  | { readonly do: "moveLeader"; readonly partition: number; readonly node: number }
  | { readonly do: "moveCoordinator"; readonly node: number }
  | {
      readonly do: "fault";
      readonly kind: "drop" | "cut";
      readonly api: string;
      readonly when: "beforeApply" | "afterApply";
    }
  | { readonly do: "fail"; readonly api: string; readonly errorCode: number; readonly times: number };

const APIS = [
  "Produce",
  "Fetch",
  "OffsetCommit",
  "Heartbeat",
  "JoinGroup",
  "SyncGroup",
  "ConsumerGroupHeartbeat",
  "FindCoordinator",
  "OffsetFetch",
  "Metadata",
  "InitProducerId",
];
/** Errors that brokers give each API in passing. */
const PASSING: readonly { readonly api: string; readonly errorCode: number }[] = [
  { api: "Produce", errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER },
  { api: "Produce", errorCode: ErrorCode.NOT_ENOUGH_REPLICAS },
  { api: "Fetch", errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER },
  { api: "Fetch", errorCode: ErrorCode.UNKNOWN_LEADER_EPOCH },
  { api: "OffsetCommit", errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS },
  { api: "OffsetCommit", errorCode: ErrorCode.NOT_COORDINATOR },
  { api: "OffsetCommit", errorCode: ErrorCode.REBALANCE_IN_PROGRESS },
  { api: "Heartbeat", errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE },
  { api: "JoinGroup", errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS },
  { api: "SyncGroup", errorCode: ErrorCode.REBALANCE_IN_PROGRESS },
  { api: "ConsumerGroupHeartbeat", errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS },
  { api: "ConsumerGroupHeartbeat", errorCode: ErrorCode.NOT_COORDINATOR },
  { api: "ConsumerGroupHeartbeat", errorCode: ErrorCode.UNKNOWN_MEMBER_ID },
  { api: "OffsetCommit", errorCode: ErrorCode.STALE_MEMBER_EPOCH },
  { api: "OffsetFetch", errorCode: ErrorCode.UNSTABLE_OFFSET_COMMIT },
];
export const NODES = 3;
export const PARTITIONS = 3;
const MOST_WORKERS = 4;

const who = fc.nat(5);
const when = fc.constantFrom("beforeApply" as const, "afterApply" as const);

export const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("enqueue" as const),
      keys: fc.array(fc.nat(7), { minLength: 1, maxLength: 12 }),
      takes: fc.constantFrom(0, 0, 30, 400, 3_000, 9_000),
      fails: fc.constantFrom(0, 0, 0, 1, 2),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("advance" as const), ms: fc.integer({ min: 1, max: 8_000 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("start" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("close" as const, "crash" as const), who }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("pause" as const), who, ms: fc.integer({ min: 500, max: 20_000 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("isolate" as const), who, ms: fc.integer({ min: 500, max: 20_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("disconnect" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("moveLeader" as const),
      partition: fc.nat(PARTITIONS - 1),
      node: fc.integer({ min: 1, max: NODES }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("moveCoordinator" as const), node: fc.integer({ min: 1, max: NODES }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("fault" as const),
      kind: fc.constantFrom("drop" as const, "cut" as const),
      api: fc.constantFrom(...APIS),
      when,
    }),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(...PASSING), fc.integer({ min: 1, max: 3 }))
      .map(([error, times]) => ({ do: "fail" as const, ...error, times })),
  },
);

/** Makes the command happen. A command that makes no sense just then does nothing. */
export async function execute(world: JobWorld, step: Command): Promise<void> {
  const { faults } = world.broker;
  switch (step.do) {
    case "enqueue":
      return world.enqueue(step.keys.map((key): Payload => ({ key: `k${key}`, takes: step.takes, fails: step.fails })));
    case "advance":
      return world.time.advance(step.ms);
    case "start":
      if (world.living.length < MOST_WORKERS) await world.startWorker();
      return;
    case "disconnect":
      return faults.disconnect();
    case "moveLeader":
      return faults.moveLeader("jobs", step.partition, step.node);
    case "moveCoordinator":
      return faults.moveCoordinator("workers", step.node);
    case "fault":
      return void faults[step.kind]({ api: step.api, when: step.when });
    case "fail":
      return void faults.fail({ api: step.api, errorCode: step.errorCode, times: step.times });
    default:
      return disturb(world, step);
  }
}

async function disturb(world: JobWorld, step: Extract<Command, { readonly who: number }>): Promise<void> {
  const { living } = world;
  const instance = living[step.who % Math.max(1, living.length)];
  if (instance === undefined) return;
  switch (step.do) {
    case "crash":
      return world.crash(instance);
    case "close":
      return world.close(instance);
    case "pause":
      world.ledger.add({ what: "away", by: instance.name });
      instance.clock.pause();
      await world.time.advance(step.ms);
      instance.clock.resume();
      return;
    case "isolate":
      world.ledger.add({ what: "away", by: instance.name });
      instance.network.isolate();
      await world.time.advance(step.ms);
      instance.network.rejoin();
  }
}
