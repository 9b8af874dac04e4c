import assert from "node:assert/strict";
import { test } from "node:test";
import { BatchMemory } from "../../src/client/batch-memory.ts";
import { startClientBench } from "../support/client-bench.ts";

const KIB = 1024;

test("memory that was given back is taken again, by who wants about as much", () => {
  const memory = new BatchMemory();
  const first = memory.take(100 * KIB);
  memory.give(first);
  assert.notEqual(memory.take(30 * KIB), first, "three times as much would be wasted");
  assert.notEqual(memory.take(101 * KIB), first, "it is too small");
  assert.equal(memory.take(90 * KIB), first);
  assert.notEqual(memory.take(90 * KIB), first, "it is in use");
});

test("no more is kept than is worth it", () => {
  const memory = new BatchMemory();
  const given = Array.from({ length: 100 }, () => new Uint8Array(1024 * KIB));
  for (const one of given) memory.give(one);
  const again = new Set(Array.from({ length: 100 }, () => memory.take(1024 * KIB)));
  assert.equal(given.filter((one) => again.has(one)).length, 16);
  const small = new Uint8Array(KIB);
  memory.give(small);
  assert.notEqual(memory.take(KIB), small);
});

test("what is sent stays as it was, though its memory serves again: through lost answers, retries and moved leaders", async (t) => {
  const bench = await startClientBench(t, { broker: { nodes: 3 }, topics: { t: 2 }, latency: 3 });
  const producer = bench.kafka.producer({ batchSize: 40 * KIB, deliveryTimeout: 60_000 });
  const sent: string[] = [];
  const text = (round: number, i: number): string =>
    `${round}/${i} ${String.fromCharCode(97 + ((round + i) % 26)).repeat(3_000)}`;
  for (let round = 0; round < 25; round++) {
    if (round % 5 === 1)
      bench.broker.faults.cut({ api: "Produce", when: round % 2 === 0 ? "afterApply" : "beforeApply" });
    if (round % 5 === 3) bench.broker.faults.moveLeader("t", 0, 1 + (round % 3));
    if (round % 7 === 2) bench.broker.faults.delay({ api: "Produce", ms: 2_000 });
    const values = Array.from({ length: 40 }, (_, i) => text(round, i));
    sent.push(...values);
    await bench.run(producer.sendMany(values.map((value, i) => ({ topic: "t", partition: i % 2, value }))));
  }
  for (const partition of [0, 1]) {
    const expected = sent.filter((_, i) => i % 2 === partition);
    assert.deepEqual(await bench.values("t", partition), expected);
  }
});
