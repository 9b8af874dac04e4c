import fc from "fast-check";
import { ErrorCode } from "../../protocol/errors.ts";
import { NODES, type QueueName } from "./shape.ts";

/** What the jobs of one command have in common. */
export interface JobSpec {
  readonly queue: QueueName;
  readonly takes: number;
  /** null: all of them. */
  readonly fails: number | null;
  readonly hasRule: boolean;
  readonly isDiscarded: boolean;
  readonly steps: readonly number[];
  readonly handsOver: boolean;
}

/** What may happen to a process at one of its next events. */
export type Blow = "crash" | "pause" | "strand" | "isolate";

/** Something that happens in a simulation. `who` picks among processes that live, `which` among what was asked for. */
export type Command =
  | { readonly do: "advance"; readonly ms: number }
  | {
      readonly do: "enqueue";
      readonly how: "each" | "bulk" | "together";
      readonly keys: readonly number[];
      readonly spec: JobSpec;
    }
  | { readonly do: "again"; readonly id: number; readonly key: number; readonly takes: number }
  | { readonly do: "schedule"; readonly keys: readonly number[]; readonly spec: JobSpec; readonly wait: number }
  | { readonly do: "message"; readonly keys: readonly number[]; readonly wait: number }
  /** So many jobs that wait for one instant. */
  | { readonly do: "crowd"; readonly count: number; readonly wait: number }
  | {
      readonly do: "ask";
      readonly kind: "cancel" | "reschedule";
      readonly which: readonly number[];
      readonly wait: number;
    }
  /** At the very instant at which it is due, or so many ms from that. */
  | { readonly do: "race"; readonly kind: "cancel" | "reschedule"; readonly which: number; readonly off: number }
  | { readonly do: "release" | "redrive" }
  | { readonly do: "start" | "roll" }
  | { readonly do: "close"; readonly who: number }
  /** At the event after so many: of any process, those that enqueue among them. */
  | {
      readonly do: "strike";
      readonly blow: Blow;
      readonly who: number;
      readonly events: number;
      readonly ms: number;
    }
  /** A process and a node cannot reach each other for a while. */
  | { readonly do: "split"; readonly who: number; readonly node: number; readonly ms: number }
  | { readonly do: "skew"; readonly who: number; readonly ms: number }
  /** For a while everything takes up to so much longer on its way. */
  | { readonly do: "slow"; readonly by: number; readonly ms: number }
  | { readonly do: "grow" }
  /** Somebody else writes to the queue in a transaction that is never ended, or aborted. */
  | {
      readonly do: "intrude";
      readonly queue: QueueName;
      readonly partition: number;
      readonly count: number;
      readonly ending: "dies" | "aborts";
    }
  | { readonly do: "disconnect"; readonly node: number }
  | {
      readonly do: "fault";
      readonly kind: "drop" | "cut" | "delay";
      readonly api: string;
      readonly when: "beforeApply" | "afterApply";
    }
  | { readonly do: "fail"; readonly api: string; readonly errorCode: number; readonly times: number }
  /** A node that takes nothing for a while. */
  | { readonly do: "sicken"; readonly node: number; readonly ms: number }
  | { readonly do: "moveLeader"; readonly topic: string; readonly partition: number; readonly node: number }
  | { readonly do: "moveCoordinator"; readonly of: string; readonly node: number }
  /** Its coordinator aborts what is open, as if it had taken too long. */
  | { readonly do: "expire"; readonly partition: number };

const APIS = [
  ...["Produce", "Produce", "Fetch", "EndTxn", "EndTxn", "InitProducerId", "AddPartitionsToTxn", "TxnOffsetCommit"],
  ...["OffsetCommit", "OffsetFetch", "ListOffsets", "Heartbeat", "JoinGroup", "SyncGroup", "LeaveGroup"],
  ...["ConsumerGroupHeartbeat", "ConsumerGroupHeartbeat", "FindCoordinator", "Metadata"],
];
/** Errors that brokers give each API in passing. */
const PASSING: readonly { readonly api: string; readonly errorCode: number }[] = [
  { api: "Produce", errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER },
  { api: "Produce", errorCode: ErrorCode.NOT_ENOUGH_REPLICAS },
  { api: "Produce", errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE },
  { api: "Fetch", errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER },
  { api: "Fetch", errorCode: ErrorCode.UNKNOWN_LEADER_EPOCH },
  { api: "Fetch", errorCode: ErrorCode.OFFSET_OUT_OF_RANGE },
  { api: "ListOffsets", errorCode: ErrorCode.LEADER_NOT_AVAILABLE },
  { api: "OffsetCommit", errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS },
  { api: "OffsetCommit", errorCode: ErrorCode.NOT_COORDINATOR },
  { api: "OffsetCommit", errorCode: ErrorCode.REBALANCE_IN_PROGRESS },
  { api: "OffsetCommit", errorCode: ErrorCode.STALE_MEMBER_EPOCH },
  { api: "OffsetFetch", errorCode: ErrorCode.UNSTABLE_OFFSET_COMMIT },
  { api: "OffsetFetch", errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS },
  { api: "Heartbeat", errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE },
  // Not REBALANCE_IN_PROGRESS: a coordinator that says so has heard the member, and only a real one prolongs its session.
  { api: "Heartbeat", errorCode: ErrorCode.NOT_COORDINATOR },
  { api: "Heartbeat", errorCode: ErrorCode.UNKNOWN_MEMBER_ID },
  { api: "JoinGroup", errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS },
  { api: "SyncGroup", errorCode: ErrorCode.REBALANCE_IN_PROGRESS },
  { api: "ConsumerGroupHeartbeat", errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS },
  { api: "ConsumerGroupHeartbeat", errorCode: ErrorCode.NOT_COORDINATOR },
  { api: "ConsumerGroupHeartbeat", errorCode: ErrorCode.UNKNOWN_MEMBER_ID },
  { api: "EndTxn", errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE },
  { api: "EndTxn", errorCode: ErrorCode.NOT_COORDINATOR },
  { api: "EndTxn", errorCode: ErrorCode.CONCURRENT_TRANSACTIONS },
  { api: "TxnOffsetCommit", errorCode: ErrorCode.NOT_COORDINATOR },
  { api: "TxnOffsetCommit", errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS },
  { api: "AddPartitionsToTxn", errorCode: ErrorCode.CONCURRENT_TRANSACTIONS },
  { api: "InitProducerId", errorCode: ErrorCode.CONCURRENT_TRANSACTIONS },
  { api: "InitProducerId", errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS },
];
/** What has a coordinator: the group, and the transactions of whoever schedules. */
export const COORDINATED = ["workers", "ottla-schedule/later/0", "ottla-schedule/later/1"] as const;

const who = fc.nat(7);
const which = fc.nat(50);
const node = fc.integer({ min: 1, max: NODES });
const wait = fc.constantFrom(1, 50, 1_000, 4_000, 12_000, 40_000);
/** Mostly about as long as a session lasts; at times so long that nobody says any more how a transaction has ended. */
const absence = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 300, max: 20_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 200_000 }) },
);
const kind = fc.constantFrom("cancel" as const, "reschedule" as const);
const keys = fc.array(fc.nat(6), { minLength: 1, maxLength: 10 });
const spec: fc.Arbitrary<JobSpec> = fc.record({
  queue: fc.constantFrom("jobs" as const, "jobs" as const, "jobs" as const, "loose" as const),
  // The last is longer than any grace.
  takes: fc.constantFrom(0, 0, 30, 30, 400, 400, 3_000, 3_000, 9_000, 25_000),
  fails: fc.constantFrom(0, 0, 0, 0, 1, 2, 3, null),
  hasRule: fc.boolean(),
  isDiscarded: fc.nat(9).map((n) => n === 0),
  steps: fc.oneof(
    { weight: 4, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(fc.nat(20), { minLength: 1, maxLength: 3 }) },
  ),
  handsOver: fc.nat(4).map((n) => n === 0),
});

function made<D extends Command["do"], R extends object>(what: D, rest: fc.Arbitrary<R>): fc.Arbitrary<{ do: D } & R> {
  return rest.map((given) => ({ do: what, ...given }));
}
const nothing = fc.constant({});

/** How often each comes, in relation. */
const weighted: readonly (readonly [number, fc.Arbitrary<Command>])[] = [
  [27, made("advance", fc.record({ ms: fc.integer({ min: 1, max: 8_000 }) }))],
  [24, made("enqueue", fc.record({ how: fc.constantFrom("each", "each", "bulk", "together"), keys, spec }))],
  [6, made("again", fc.record({ id: fc.nat(2), key: fc.nat(2), takes: fc.constantFrom(0, 400) }))],
  [9, made("schedule", fc.record({ keys, spec, wait }))],
  [3, made("message", fc.record({ keys, wait }))],
  [1, made("crowd", fc.record({ count: fc.integer({ min: 100, max: 700 }), wait }))],
  [
    9,
    made(
      "ask",
      fc.record({
        kind,
        which: fc.array(which, { minLength: 1, maxLength: 4 }),
        wait: fc.constantFrom(-1_000, 1, 500, 3_000, 15_000),
      }),
    ),
  ],
  [6, made("race", fc.record({ kind, which, off: fc.integer({ min: -20, max: 20 }) }))],
  [3, made("release", nothing)],
  [3, made("redrive", nothing)],
  [12, made("start", nothing)],
  [3, made("roll", nothing)],
  [3, made("close", fc.record({ who }))],
  [
    18,
    made(
      "strike",
      fc.record({
        blow: fc.constantFrom<Blow>("crash", "crash", "pause", "strand", "isolate"),
        ...{ who, events: fc.nat(300), ms: absence },
      }),
    ),
  ],
  [3, made("split", fc.record({ who, node, ms: absence }))],
  [3, made("skew", fc.record({ who, ms: fc.integer({ min: -3_000, max: 3_000 }) }))],
  [3, made("slow", fc.record({ by: fc.constantFrom(200, 1_500), ms: absence }))],
  [3, made("grow", nothing)],
  [
    3,
    made(
      "intrude",
      fc.record({
        queue: fc.constantFrom("jobs" as const, "loose" as const),
        ...{ partition: fc.nat(2), count: fc.integer({ min: 1, max: 3 }) },
        ending: fc.constantFrom("dies" as const, "aborts" as const),
      }),
    ),
  ],
  [3, made("disconnect", fc.record({ node }))],
  [
    9,
    made(
      "fault",
      fc.record({
        kind: fc.constantFrom("drop" as const, "cut" as const, "delay" as const),
        api: fc.constantFrom(...APIS),
        when: fc.constantFrom("beforeApply" as const, "afterApply" as const),
      }),
    ),
  ],
  [
    9,
    made(
      "fail",
      fc
        .tuple(fc.constantFrom(...PASSING), fc.integer({ min: 1, max: 3 }))
        .map(([error, times]) => ({ ...error, times })),
    ),
  ],
  [3, made("sicken", fc.record({ node, ms: absence }))],
  [
    3,
    made(
      "moveLeader",
      fc.record({
        topic: fc.constantFrom("jobs", "jobs", "loose", "later", "workers-state"),
        partition: fc.nat(2),
        node,
      }),
    ),
  ],
  [3, made("moveCoordinator", fc.record({ of: fc.constantFrom("workers", ...COORDINATED), node }))],
  [3, made("expire", fc.record({ partition: fc.nat(1) }))],
];

export const command: fc.Arbitrary<Command> = fc.oneof(
  ...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary })),
);
