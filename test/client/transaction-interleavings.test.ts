import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ErrorCode as E } from "../../protocol/errors.ts";
import type { Broker } from "../../src/broker/mod.ts";
import { Coordinator } from "../../src/client/coordinator.ts";
import { KafkaError } from "../../src/client/errors.ts";
import { fetchOffsets } from "../../src/client/group-offsets.ts";
import type { Kafka } from "../../src/client/kafka.ts";
import { TransactionOutcomeUnknownError } from "../../src/client/transaction-errors.ts";
import type { TransactionalProducer } from "../../src/client/transactional-producer.ts";
import { type ClientBench, startClientBench } from "../support/client-bench.ts";

const PRODUCERS = 3;
const GROUP = { groupId: "g", memberId: "", generationId: -1 };
const END = "end";

/** What a broker may answer to each API instead of doing it; those in `late` also after it has done it. */
const REFUSALS = {
  Produce: {
    early: [E.NOT_LEADER_OR_FOLLOWER, E.OUT_OF_ORDER_SEQUENCE_NUMBER, E.UNKNOWN_PRODUCER_ID, E.TRANSACTION_ABORTABLE],
    late: [E.REQUEST_TIMED_OUT, E.NOT_ENOUGH_REPLICAS_AFTER_APPEND],
  },
  AddPartitionsToTxn: {
    early: [E.CONCURRENT_TRANSACTIONS, E.TOPIC_AUTHORIZATION_FAILED, E.TRANSACTION_ABORTABLE],
    late: [E.NOT_COORDINATOR, E.COORDINATOR_NOT_AVAILABLE],
  },
  AddOffsetsToTxn: {
    early: [E.CONCURRENT_TRANSACTIONS, E.GROUP_AUTHORIZATION_FAILED],
    late: [E.NOT_COORDINATOR, E.COORDINATOR_NOT_AVAILABLE],
  },
  TxnOffsetCommit: {
    early: [E.COORDINATOR_LOAD_IN_PROGRESS, E.ILLEGAL_GENERATION, E.TRANSACTION_ABORTABLE],
    late: [E.REQUEST_TIMED_OUT, E.COORDINATOR_NOT_AVAILABLE],
  },
  EndTxn: {
    early: [E.CONCURRENT_TRANSACTIONS, E.COORDINATOR_LOAD_IN_PROGRESS, E.TRANSACTION_ABORTABLE],
    late: [E.NOT_COORDINATOR, E.COORDINATOR_NOT_AVAILABLE],
  },
  InitProducerId: {
    early: [E.CONCURRENT_TRANSACTIONS, E.COORDINATOR_LOAD_IN_PROGRESS],
    late: [E.NOT_COORDINATOR, E.COORDINATOR_NOT_AVAILABLE],
  },
} as const;
type Api = keyof typeof REFUSALS;

const when = fc.constantFrom("beforeApply" as const, "afterApply" as const);
const times = fc.integer({ min: 1, max: 2 });
const api = fc.constantFrom(...(Object.keys(REFUSALS) as Api[]));
const refusal = api.chain((name) => {
  const { early, late } = REFUSALS[name];
  const base = { kind: fc.constant("fail" as const), api: fc.constant(name), times };
  return fc.oneof(
    fc.record({ ...base, when: fc.constant("beforeApply" as const), errorCode: fc.constantFrom<number>(...early) }),
    fc.record({ ...base, when, errorCode: fc.constantFrom<number>(...late) }),
  );
});
const node = fc.integer({ min: 1, max: 2 });
const owner = fc.nat(PRODUCERS - 1);

/** What goes wrong after so many requests of transactions. */
const trouble = fc.record({
  after: fc.integer({ min: 0, max: 60 }),
  what: fc.oneof(
    refusal,
    fc.record({ kind: fc.constant("cut" as const), api, when, times }),
    fc.record({ kind: fc.constant("drop" as const), api, when, times: fc.constant(1) }),
    fc.record({ kind: fc.constant("delay" as const), api, times, ms: fc.integer({ min: 1, max: 3_000 }) }),
    fc.record({ kind: fc.constant("disconnect" as const) }),
    fc.record({ kind: fc.constant("moveLeader" as const), partition: fc.nat(1), node }),
    fc.record({ kind: fc.constant("moveGroup" as const), node }),
    fc.record({ kind: fc.constant("moveTransactions" as const), owner, node }),
    fc.record({ kind: fc.constant("expire" as const), owner }),
    fc.record({ kind: fc.constant("fence" as const), owner }),
  ),
});
type Trouble = typeof trouble extends fc.Arbitrary<infer T> ? T : never;

const plan = fc.record({
  sends: fc.array(fc.nat(1), { minLength: 1, maxLength: 4 }),
  hasOffsets: fc.boolean(),
  end: fc.constantFrom("commit" as const, "commit" as const, "abort" as const, "one call" as const, "throw" as const),
});
type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;

/** One transaction as its producer saw it. */
interface Seen {
  readonly owner: number;
  readonly number: number;
  readonly plan: Plan;
  outcome: "committed" | "aborted" | "unknown";
}

function idOf(index: number): string {
  return `tx-${index}`;
}

function befall(broker: Broker, kafka: Kafka, what: Trouble["what"]): void {
  const { faults } = broker;
  if (what.kind === "fail") faults.fail(what);
  else if (what.kind === "cut") faults.cut(what);
  else if (what.kind === "drop") faults.drop(what);
  else if (what.kind === "delay") faults.delay(what);
  else if (what.kind === "disconnect") faults.disconnect();
  else if (what.kind === "moveLeader") faults.moveLeader("t", what.partition, what.node);
  else if (what.kind === "moveGroup") faults.moveCoordinator("g", what.node);
  else if (what.kind === "moveTransactions") faults.moveTransactionCoordinator(idOf(what.owner), what.node);
  else if (what.kind === "fence")
    kafka
      .producer({ transactionalId: idOf(what.owner) })
      .begin()
      .catch(() => {});
  else {
    try {
      faults.expireTransaction(idOf(what.owner));
    } catch (error) {
      assert.ok(error instanceof RangeError, "none is open");
    }
  }
}

/** Runs the plans of one producer, one after the other. One that was fenced is replaced, as its user would. */
async function work(bench: ClientBench, index: number, plans: readonly Plan[], seen: Seen[]): Promise<void> {
  const kafka = bench.client();
  const make = (): TransactionalProducer =>
    kafka.producer({ transactionalId: idOf(index), coordinatorTimeout: 10_000, transactionTimeout: 20_000 });
  let producer = make();
  for (const [number, one] of plans.entries()) {
    if (producer.fatalError !== undefined) producer = make();
    const entry: Seen = { owner: index, number, plan: one, outcome: "aborted" };
    seen.push(entry);
    try {
      entry.outcome = await carryOut(producer, entry);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      if (error instanceof TransactionOutcomeUnknownError) entry.outcome = "unknown";
    }
  }
  await kafka.close();
}

async function carryOut(producer: TransactionalProducer, { owner, number, plan }: Seen): Promise<Seen["outcome"]> {
  const records = plan.sends.map((partition, i) => ({ topic: "t", partition, value: `${owner}.${number}.${i}` }));
  const offsets = plan.hasOffsets
    ? { groupMetadata: GROUP, offsets: [{ topic: "s", partition: owner, offset: number + 1 }] }
    : undefined;
  if (plan.end === "one call") {
    await producer.sendTransaction({ records, offsets });
    return "committed";
  }
  const mistake = new KafkaError("MISTAKE", "on purpose", false);
  if (plan.end === "throw") {
    await producer.transaction(async (transaction) => {
      await transaction.sendMany(records);
      throw mistake;
    });
  }
  const transaction = await producer.begin();
  for (const record of records) void transaction.send(record);
  if (offsets !== undefined) void transaction.sendOffsets(offsets);
  if (plan.end === "abort") {
    await transaction.abort();
    return "aborted";
  }
  try {
    await transaction.commit();
  } catch (error) {
    if (!(error instanceof TransactionOutcomeUnknownError)) throw error;
    await transaction.commit();
  }
  return "committed";
}

/** What a reader of committed records gets, by partition. */
async function readCommitted(bench: ClientBench, kafka: Kafka): Promise<string[][]> {
  const found: string[][] = [[], []];
  await bench.run(kafka.producer().sendMany([0, 1].map((partition) => ({ topic: "t", partition, value: END }))));
  const read = async (): Promise<void> => {
    for await (const { partition, records } of kafka.consumer({ groupId: "reader", topics: ["t"] })) {
      found[partition]!.push(...records.map(({ value }) => new TextDecoder().decode(value!)));
      if (found.every((list) => list.at(-1) === END)) return;
    }
  };
  await bench.run(read());
  return found.map((list) => list.slice(0, -1));
}

function check(
  seen: readonly Seen[],
  found: readonly string[][],
  offsets: ReadonlyMap<string, { offset: number }>,
): void {
  const counts = new Map<string, number>();
  for (const value of found.flat()) counts.set(value, (counts.get(value) ?? 0) + 1);
  const present = (one: Seen): boolean => {
    const own = one.plan.sends.map((_, i) => counts.get(`${one.owner}.${one.number}.${i}`) ?? 0);
    const name = `transaction ${one.owner}.${one.number} (${one.outcome}, ${one.plan.end}): ${own}`;
    assert.ok(own.every((count) => count === own[0]) && own[0]! <= 1, `${name} is read in part, or more than once`);
    if (one.outcome !== "unknown") assert.equal(own[0] === 1, one.outcome === "committed", name);
    return own[0] === 1;
  };
  const committed = seen.filter(present);
  assert.equal(counts.size, committed.flatMap(({ plan }) => plan.sends).length, "something else was read");
  for (const list of found) {
    for (let owner = 0; owner < PRODUCERS; owner++) {
      const own = list.filter((value) => value.startsWith(`${owner}.`));
      assert.deepEqual(own, [...own].sort(inOrder), "not in order");
    }
  }
  for (let owner = 0; owner < PRODUCERS; owner++) {
    const last = committed
      .filter((one) => one.owner === owner && one.plan.hasOffsets && one.plan.end !== "throw")
      .at(-1);
    assert.equal(
      offsets.get(`s/${owner}`)?.offset,
      last === undefined ? undefined : last.number + 1,
      `offset of ${owner}`,
    );
  }
}

function inOrder(a: string, b: string): number {
  const [left, right] = [a, b].map((value) => value.split(".").map(Number));
  return left![1]! - right![1]! || left![2]! - right![2]!;
}

test("records and offsets of each transaction are read together and once, or never, whatever befalls its requests", {
  timeout: 300_000,
}, async () => {
  const runs = fc.tuple(
    fc.integer({ min: 1, max: 1_000_000 }),
    fc.constantFrom(0, 2),
    fc.array(trouble, { minLength: 1, maxLength: 10 }),
    fc.array(fc.array(plan, { minLength: 1, maxLength: 6 }), { minLength: PRODUCERS, maxLength: PRODUCERS }),
    fc.nat(20),
  );
  await fc.assert(
    fc.asyncProperty(runs, async ([seed, level, troubles, plans, latency]) => {
      const cleanups: (() => Promise<void>)[] = [];
      const bench = await startClientBench(
        { after: (fn) => void cleanups.push(fn) },
        {
          ...{ seed, latency, topics: { t: 2, s: PRODUCERS }, kafka: { requestTimeout: 3_000 } },
          broker: { nodes: 2, features: { "transaction.version": level } },
        },
      );
      let count = 0;
      let isOver = false;
      const thief = bench.client();
      bench.broker.observe((request) => {
        if (isOver || !(request.api in REFUSALS)) return;
        for (const { after, what } of troubles) if (after === count) befall(bench.broker, thief, what);
        count += 1;
      });
      const seen: Seen[] = [];
      await bench.run(Promise.all(plans.map((own, index) => work(bench, index, own, seen))));
      isOver = true;
      await bench.run(thief.close());
      bench.broker.faults.clear();
      const kafka = bench.client();
      const found = await readCommitted(bench, kafka);
      const partitions = plans.map((_, partition) => ({ topic: "s", partition }));
      const offsets = await bench.run(fetchOffsets(new Coordinator(kafka.cluster, "g"), partitions, 60_000));
      check(seen, found, offsets);
      for (const cleanup of cleanups) await cleanup();
    }),
    { numRuns: 100 },
  );
});
