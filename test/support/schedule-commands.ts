import fc from "fast-check";
import { ErrorCode } from "../../protocol/errors.ts";
import { COUNTS, NODES, type ScheduleWorld, TOPICS } from "./schedule-world.ts";

/** Something that happens in a {@link ScheduleWorld}. `who` picks among the living workers, `which` among what was asked for. */
export type ScheduleCommand =
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
  | { readonly do: "advance"; readonly ms: number }
  | { readonly do: "start" }
  | { readonly do: "close" | "crash"; readonly who: number }
  | { readonly do: "pause" | "isolate"; readonly who: number; readonly ms: number }
  | { readonly do: "skew"; readonly who: number; readonly ms: number }
  | { readonly do: "disconnect" }
  /** A node that takes nothing for so long (ms): what it leads is set apart. */
  | { readonly do: "sick"; readonly node: number; readonly ms: number }
  /** Its coordinator aborts what is open, as if it had taken too long. */
  | { readonly do: "expire"; readonly partition: number }
  | { readonly do: "moveLeader"; readonly topic: string; readonly partition: number; readonly node: number }
  | { readonly do: "moveCoordinator"; readonly partition: number; readonly node: number }
  | {
      readonly do: "fault";
      readonly kind: "drop" | "cut";
      readonly api: string;
      readonly when: "beforeApply" | "afterApply";
    }
  | { readonly do: "fail"; readonly api: string; readonly errorCode: number; readonly times: number };

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

const who = fc.nat(5);
const which = fc.nat(50);
const node = fc.integer({ min: 1, max: NODES });
const ms = fc.integer({ min: 500, max: 20_000 });
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
  { weight: 5, arbitrary: fc.record({ do: fc.constant("advance" as const), ms: fc.integer({ min: 1, max: 8_000 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("start" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("close" as const, "crash" as const), who }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("pause" as const, "isolate" as const), who, ms }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("skew" as const), who, ms: fc.integer({ min: -3_000, max: 3_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("disconnect" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("sick" as const), node, ms }) },
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
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("fault" as const),
      kind: fc.constantFrom("drop" as const, "cut" as const),
      api: fc.constantFrom(...APIS),
      when: fc.constantFrom("beforeApply" as const, "afterApply" as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom(...PASSING), fc.integer({ min: 1, max: 3 }))
      .map(([error, times]) => ({ do: "fail" as const, ...error, times })),
  },
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
        const asked = world.asked[each % Math.max(1, world.asked.length)];
        if (asked !== undefined) world.ask(asked, step.kind, step.wait);
      }
      return;
    }
    case "race":
      return race(world, step.which, step.kind, step.off);
    case "advance":
      return world.time.advance(step.ms);
    case "start":
      if (world.living.length < MOST_WORKERS) await world.startWorker();
      return;
    case "disconnect":
      return faults.disconnect();
    case "sick":
      return sicken(world, step.node, step.ms);
    case "expire":
      return expire(world, step.partition);
    case "moveLeader":
      return faults.moveLeader(step.topic, step.partition % COUNTS[step.topic]!, step.node);
    case "moveCoordinator":
      return moveCoordinator(world, step.partition, step.node);
    case "fault":
      return void faults[step.kind]({ api: step.api, when: step.when });
    case "fail":
      return void faults.fail({ api: step.api, errorCode: step.errorCode, times: step.times });
    default:
      return disturb(world, step);
  }
}

function moveCoordinator(world: ScheduleWorld, partition: number, node: number): void {
  const { faults } = world.broker;
  if (partition === 2) return faults.moveCoordinator("workers", node);
  faults.moveTransactionCoordinator(`ottla-schedule/${TOPICS.schedule}/${partition}`, node);
}

async function sicken(world: ScheduleWorld, node: number, ms: number): Promise<void> {
  const errorCode = ErrorCode.NOT_ENOUGH_REPLICAS;
  const fault = world.broker.faults.fail({ api: "Produce", node, errorCode, times: Number.POSITIVE_INFINITY });
  await world.time.advance(ms);
  fault.cancel();
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
  const asked = soon[which % Math.max(1, soon.length)];
  if (asked === undefined) return;
  await world.time.advance(Math.max(0, asked.handle!.dueAt.getTime() + off - world.time.time));
  world.ask(asked, kind, 2_000);
}

async function disturb(world: ScheduleWorld, step: Extract<ScheduleCommand, { readonly who: number }>): Promise<void> {
  const { living } = world;
  const instance = living[step.who % Math.max(1, living.length)];
  if (instance === undefined) return;
  switch (step.do) {
    case "crash":
      return world.crash(instance);
    case "close":
      return world.close(instance);
    case "skew":
      return instance.clock.skew(step.ms);
    case "pause":
      instance.clock.pause();
      await world.time.advance(step.ms);
      return instance.clock.resume();
    case "isolate":
      instance.network.isolate();
      await world.time.advance(step.ms);
      instance.network.rejoin();
  }
}
