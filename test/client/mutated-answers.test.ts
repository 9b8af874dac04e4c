import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import { KafkaError } from "../../src/client/errors.ts";
import { Kafka } from "../../src/client/kafka.ts";
import type { Transport } from "../../src/net/transport.ts";
import { startClientBench } from "../support/client-bench.ts";
import { MUTATIONS } from "../support/fuzz-runs.ts";
import { goldenExchanges } from "../support/golden-exchanges.ts";
import { anyMutations, type Mutation } from "../support/mutation.ts";

const SEED = Number(process.env.OTTLA_SEED ?? Math.floor(Math.random() * 0x7fff_ffff));
/** Each call ends within this time (virtual ms), whatever the broker answers. */
const PATIENCE = 60_000;

/** A way to the broker on which every `every`th chunk of its answers is changed. */
function mutating(transport: Transport, mutations: readonly Mutation[], every: number): Transport {
  let chunks = 0;
  return {
    connect: (address, handlers, signal, ...rest) =>
      transport.connect(
        address,
        {
          ...handlers,
          drain: () => handlers.drain(),
          close: (cause) => handlers.close(cause),
          data: (chunk) => {
            chunks++;
            const mutate = chunks % every === 0 ? mutations[(chunks / every) % mutations.length] : undefined;
            handlers.data(mutate === undefined ? chunk : mutate(chunk));
          },
        },
        signal,
        ...rest,
      ),
  };
}

test("whatever a broker answers, every call ends in time with a value or a named error", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 2 } });
  for (const value of ["a", "b", "c"]) await bench.run(bench.kafka.producer().send({ topic: "t", value }));
  const responses = goldenExchanges.map(({ response }) => response);
  const scenarios = fc.sample(
    fc.tuple(fc.array(anyMutations(responses), { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 12 })),
    { numRuns: MUTATIONS, seed: SEED },
  );
  for (const [i, [mutations, every]] of scenarios.entries()) {
    const which = `OTTLA_SEED=${SEED} OTTLA_MUTATIONS=${MUTATIONS}, scenario ${i}`;
    const clock = bench.time.instance();
    const transport = mutating(bench.network.transport(clock), mutations, every);
    const kafka = new Kafka({ brokers: bench.broker.addresses, clock, transport, requestTimeout: 2_000 });
    const began = clock.monotonic();
    const calls: readonly (() => Promise<unknown>)[] = [
      () => kafka.producer({ deliveryTimeout: 5_000 }).send({ topic: "t", value: "x" }),
      () => kafka.producer({ deliveryTimeout: 5_000, acks: "leader" }).sendMany([{ topic: "t", value: "y" }]),
      () => kafka.admin({ timeout: 5_000 }).describeTopics(["t"]),
      () => kafka.admin({ timeout: 5_000 }).listOffsets([{ topic: "t", partition: 0, at: "latest" }]),
      () => readSome(kafka, clock),
    ];
    const outcomes = await bench.run(Promise.allSettled(calls.map((call) => call())));
    for (const outcome of outcomes) {
      if (outcome.status === "rejected")
        assert.ok(outcome.reason instanceof KafkaError, `${which}: ${outcome.reason?.stack}`);
    }
    await bench.run(kafka.close());
    assert.ok(clock.monotonic() - began <= PATIENCE, `${which}: it took ${clock.monotonic() - began} ms`);
  }
});

/** Reads until three records have come, or for ten seconds. */
async function readSome(kafka: Kafka, clock: { timer(ms: number, fire: () => void): unknown }): Promise<void> {
  const stop = new AbortController();
  clock.timer(10_000, () => stop.abort());
  let left = 3;
  for await (const batch of kafka.consumer({ groupId: "g", topics: ["t"], signal: stop.signal })) {
    left -= batch.records.length;
    if (left <= 0) return;
  }
}
