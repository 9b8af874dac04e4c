import fc from "fast-check";
import { ErrorCode } from "../../protocol/errors.ts";
import { COUNTS, NODES, type ScheduleWorld, TOPICS } from "./schedule-world.ts";
import {
  absence,
  advance,
  disconnect,
  end,
  executeOnWorkers,
  failure,
  fault,
  pick,
  start,
  type WorkerCommand,
  who,
} from "./worker-commands.ts";

/** Something that happens in a {@link ScheduleWorld}. `who` picks among the living workers, `which` among what was asked for. */
export type ScheduleCommand =
  | WorkerCommand
  | { readonly do: "schedule"; readonly kind: "job" | "plain"; readonly keys: readonly number[]; readonly wait: number }
  | { readonly do: "many"; readonly count: number; readonly wait: number }
  | {
      readonly do: "ask";
      readonly kind: "cancel" | "reschedule";
      readonly which: readonly number[];
      readonly wait: number;
    }
  /** At the very instant at which it is due, or so many ms from that. */
  | { readonly do: "race"; readonly kind: "cancel" | "reschedule"; readonly which: number; readonly off: number }
  | { readonly do: "skew"; readonly who: number; readonly ms: number }
  /** A node that takes nothing for so long (ms): what it leads is set apart. */
  | { readonly do: "sick"; readonly node: number; readonly ms: number }
  /** Its coordinator aborts what is open, as if it had taken too long. */
  | { readonly do: "expire"; readonly partition: number }
  | { readonly do: "moveLeader"; readonly topic: string; readonly partition: number; readonly node: number }
  | { readonly do: "moveCoordinator"; readonly partition: number; readonly node: number };

const APIS = [
  ...["Produce", "Produce", "Fetch", "EndTxn", "EndTxn", "InitProducerId", "AddPartitionsToTxn", "ListOffsets"],
  ...["Heartbeat", "ConsumerGroupHeartbeat", "JoinGroup", "FindCoordinator", "Metadata"],
];
/** Errors that brokers give each API in passing. */
const PASSING: readonly { readonly api: string; readonly errorCode: number }[] = [
  { api: "Produce", errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER },
  { api: "Produce", errorCode: ErrorCode.NOT_ENOUGH_REPLICAS },
  { api: "Produce", errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE },
  { api: "Fetch", errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER },
  { api: "Fetch", errorCode: ErrorCode.OFFSET_OUT_OF_RANGE },
  { api: "Fetch", errorCode: ErrorCode.UNKNOWN_LEADER_EPOCH },
  { api: "EndTxn", errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE },
  { api: "EndTxn", errorCode: ErrorCode.NOT_COORDINATOR },
  { api: "EndTxn", errorCode: ErrorCode.CONCURRENT_TRANSACTIONS },
  { api: "InitProducerId", errorCode: ErrorCode.CONCURRENT_TRANSACTIONS },
  { api: "InitProducerId", errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS },
  { api: "ListOffsets", errorCode: ErrorCode.LEADER_NOT_AVAILABLE },
  { api: "ConsumerGroupHeartbeat", errorCode: ErrorCode.UNKNOWN_MEMBER_ID },
  { api: "Heartbeat", errorCode: ErrorCode.UNKNOWN_MEMBER_ID },
  { api: "Heartbeat", errorCode: ErrorCode.REBALANCE_IN_PROGRESS },
];
const MOST_WORKERS = 3;

const which = fc.nat(50);
const node = fc.integer({ min: 1, max: NODES });
const wait = fc.constantFrom(1, 50, 1_000, 4_000, 12_000, 40_000);
const kind = fc.constantFrom("cancel" as const, "reschedule" as const);

export const scheduleCommand: fc.Arbitrary<ScheduleCommand> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("schedule" as const),
      kind: fc.constantFrom("job" as const, "job" as const, "plain" as const),
      keys: fc.array(fc.nat(5), { minLength: 1, maxLength: 8 }),
      wait,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("many" as const), count: fc.integer({ min: 100, max: 700 }), wait }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      ...{ do: fc.constant("ask" as const), kind, which: fc.array(which, { minLength: 1, maxLength: 4 }) },
      wait: fc.constantFrom(-1_000, 1, 500, 3_000, 15_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("race" as const), kind, which, off: fc.integer({ min: -20, max: 20 }) }),
  },
  { weight: 5, arbitrary: advance },
  { weight: 3, arbitrary: start },
  { weight: 2, arbitrary: end },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom("pause" as const, "isolate" as const), who, ms: absence }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("skew" as const), who, ms: fc.integer({ min: -3_000, max: 3_000 }) }),
  },
  { weight: 1, arbitrary: disconnect },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("sick" as const), node, ms: absence }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("expire" as const), partition: fc.nat(1) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("moveLeader" as const),
      topic: fc.constantFrom(TOPICS.schedule, TOPICS.queue, TOPICS.plain),
      ...{ partition: fc.nat(2), node },
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("moveCoordinator" as const), partition: fc.nat(2), node }) },
  { weight: 3, arbitrary: fault(APIS) },
  { weight: 3, arbitrary: failure(PASSING) },
);

/** Makes the command happen. A command that makes no sense just then does nothing. */
export async function executeSchedule(world: ScheduleWorld, step: ScheduleCommand): Promise<void> {
  const { faults } = world.broker;
  switch (step.do) {
    case "schedule":
      return world.schedule(
        step.kind,
        step.keys.map((key) => `k${key}`),
        step.wait,
      );
    case "many":
      return world.schedule(
        "job",
        Array.from({ length: step.count }, (_, i) => `k${i % 7}`),
        step.wait,
      );
    case "ask": {
      for (const each of step.which) {
        const asked = pick(world.asked, each);
        if (asked !== undefined) world.ask(asked, step.kind, step.wait);
      }
      return;
    }
    case "race":
      return race(world, step.which, step.kind, step.off);
    case "sick":
      return sicken(world, step.node, step.ms);
    case "expire":
      return expire(world, step.partition);
    case "moveLeader":
      return faults.moveLeader(step.topic, step.partition % COUNTS[step.topic]!, step.node);
    case "moveCoordinator":
      return moveCoordinator(world, step.partition, step.node);
    case "skew":
      return pick(world.living, step.who)?.clock.skew(step.ms);
    default:
      return executeOnWorkers(world, step, MOST_WORKERS);
  }
}

function moveCoordinator(world: ScheduleWorld, partition: number, node: number): void {
  const { faults } = world.broker;
  if (partition === 2) return faults.moveCoordinator("workers", node);
  faults.moveTransactionCoordinator(`ottla-schedule/${TOPICS.schedule}/${partition}`, node);
}

async function sicken(world: ScheduleWorld, node: number, ms: number): Promise<void> {
  const errorCode = ErrorCode.NOT_ENOUGH_REPLICAS;
  const sick = world.broker.faults.fail({ api: "Produce", node, errorCode, times: Number.POSITIVE_INFINITY });
  await world.time.advance(ms);
  sick.cancel();
}

function expire(world: ScheduleWorld, partition: number): void {
  try {
    world.broker.faults.expireTransaction(`ottla-schedule/${TOPICS.schedule}/${partition}`);
  } catch {
    // None is open.
  }
}

async function race(world: ScheduleWorld, which: number, kind: "cancel" | "reschedule", off: number): Promise<void> {
  const soon = world.asked.filter(({ handle }) => {
    const left = (handle?.dueAt.getTime() ?? 0) - world.time.time;
    return left > 20 && left < 15_000;
  });
  const asked = pick(soon, which);
  if (asked === undefined) return;
  await world.time.advance(Math.max(0, asked.handle!.dueAt.getTime() + off - world.time.time));
  world.ask(asked, kind, 2_000);
}
