import fc from "fast-check";
import { ErrorCode } from "../../protocol/errors.ts";
import type { JobWorld, Payload } from "./job-world.ts";
import {
  absence,
  advance,
  disconnect,
  end,
  executeOnWorkers,
  failure,
  fault,
  start,
  type WorkerCommand,
  who,
} from "./worker-commands.ts";

/** Something that happens in a {@link JobWorld}. `who` picks among the living workers. */
export type Command =
  | WorkerCommand
  | { readonly do: "enqueue"; readonly keys: readonly number[]; readonly takes: number; readonly fails: number }
  | { readonly do: "moveLeader"; readonly partition: number; readonly node: number }
  | { readonly do: "moveCoordinator"; readonly node: number };

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
  { weight: 5, arbitrary: advance },
  { weight: 3, arbitrary: start },
  { weight: 2, arbitrary: end },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("pause" as const), who, ms: absence }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("isolate" as const), who, ms: absence }) },
  { weight: 1, arbitrary: disconnect },
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
  { weight: 2, arbitrary: fault(APIS) },
  { weight: 2, arbitrary: failure(PASSING) },
);

/** Makes the command happen. A command that makes no sense just then does nothing. */
export async function execute(world: JobWorld, step: Command): Promise<void> {
  const { faults } = world.broker;
  switch (step.do) {
    case "enqueue":
      return world.enqueue(step.keys.map((key): Payload => ({ key: `k${key}`, takes: step.takes, fails: step.fails })));
    case "moveLeader":
      return faults.moveLeader("jobs", step.partition, step.node);
    case "moveCoordinator":
      return faults.moveCoordinator("workers", step.node);
    default:
      return executeOnWorkers(world, step, MOST_WORKERS);
  }
}
