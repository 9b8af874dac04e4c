import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Broker } from "../../src/broker/mod.ts";
import { startClientBench } from "../support/client-bench.ts";

/** Refusals that pass: the record was not stored, or was stored and the answer said otherwise. */
const PASSING = [
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.NOT_ENOUGH_REPLICAS,
  ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
] as const;

const when = fc.constantFrom("beforeApply" as const, "afterApply" as const);
const times = fc.integer({ min: 1, max: 3 });

/** What goes wrong after so many Produce requests. */
const trouble = fc.record({
  after: fc.integer({ min: 0, max: 12 }),
  what: fc.oneof(
    fc.record({ kind: fc.constant("fail" as const), when, times, errorCode: fc.constantFrom(...PASSING) }),
    fc.record({ kind: fc.constant("cut" as const), when, times }),
    fc.record({ kind: fc.constant("drop" as const), when, times: fc.constant(1) }),
    fc.record({ kind: fc.constant("delay" as const), times, ms: fc.integer({ min: 1, max: 4_000 }) }),
    fc.record({ kind: fc.constant("disconnect" as const) }),
    fc.record({ kind: fc.constant("moveLeader" as const), partition: fc.nat(1), node: fc.integer({ min: 1, max: 2 }) }),
  ),
});
type Trouble = typeof trouble extends fc.Arbitrary<infer T> ? T : never;

function befall(broker: Broker, what: Trouble["what"]): void {
  const { faults } = broker;
  const api = "Produce";
  if (what.kind === "fail") faults.fail({ ...what, api });
  else if (what.kind === "cut") faults.cut({ ...what, api });
  else if (what.kind === "drop") faults.drop({ ...what, api });
  else if (what.kind === "delay") faults.delay({ ...what, api });
  else if (what.kind === "disconnect") faults.disconnect();
  else faults.moveLeader("t", what.partition, what.node);
}

/** Calls what is to happen after the nth Produce. */
function script(broker: Broker, troubles: readonly Trouble[]): void {
  let produced = 0;
  broker.observe(({ api }) => {
    if (api !== "Produce") return;
    for (const { after, what } of troubles) if (after === produced) befall(broker, what);
    produced += 1;
  });
}

test("un-awaited sends are stored once each and in order, whatever befalls their requests", {
  timeout: 240_000,
}, async () => {
  const runs = fc.tuple(
    fc.integer({ min: 1, max: 1_000_000 }),
    fc.array(trouble, { minLength: 1, maxLength: 8 }),
    fc.nat(30),
  );
  await fc.assert(
    fc.asyncProperty(runs, async ([seed, troubles, latency]) => {
      const cleanups: (() => Promise<void>)[] = [];
      const bench = await startClientBench(
        { after: (fn) => void cleanups.push(fn) },
        { seed, latency, broker: { nodes: 2 }, topics: { t: 2 }, kafka: { requestTimeout: 3_000 } },
      );
      script(bench.broker, troubles);
      const producer = bench.kafka.producer({ batchSize: 160 });
      const sent: Promise<{ offset: number }>[][] = [[], []];
      for (let i = 0; i < 60; i++) {
        for (const partition of [0, 1])
          sent[partition]!.push(producer.send({ topic: "t", partition, value: `${i}`.padStart(20, "0") }));
        if (i % 10 === 9) await bench.time.advance(latency);
      }
      const places = await bench.run(Promise.all(sent.map((sends) => Promise.all(sends))));
      bench.broker.faults.clear();
      for (const partition of [0, 1]) {
        const values = await bench.values("t", partition);
        assert.deepEqual(
          values.map(Number),
          Array.from({ length: 60 }, (_, i) => i),
        );
        assert.deepEqual(
          places[partition]!.map(({ offset }) => offset),
          Array.from({ length: 60 }, (_, i) => i),
        );
      }
      for (const cleanup of cleanups) await cleanup();
    }),
    { numRuns: 120 },
  );
});
