import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProduceRequest } from "../../protocol/messages/00-produce.ts";
import { createApp } from "../../src/jobs/app.ts";
import { InvalidOptionError } from "../../src/jobs/errors.ts";
import { startEnqueueBench } from "../support/enqueue-bench.ts";

const perform = (): void => {};
const text = new TextDecoder();

test("S2.4 a variant with acks other than all has one request in flight per partition", async (t) => {
  for (const [acks, most] of [
    ["leader", 1],
    ["all", 5],
  ] as const) {
    const { app, run, broker, time, jobs } = await startEnqueueBench(t, {}, { q: 1 });
    const variant = app.producer.with({ acks });
    const job = app.job<number>({ name: acks, queue: "q", producer: () => variant, partitioner: () => "k", perform });
    await run(job.performLater(0));
    broker.faults.delay({ api: "Produce", ms: 100, times: Infinity });
    const arrivals: number[] = [];
    broker.observe(({ api }) => {
      if (api === "Produce") arrivals.push(time.elapsed);
    });
    const calls: Promise<unknown>[] = [];
    for (let n = 1; n <= 5; n++) {
      calls.push(job.performLater(n));
      await time.advance(1);
    }
    // What could be in flight has been sent by now, though nothing has been answered.
    await time.advance(50);
    const answered = calls.map((call) => Promise.race([call.then(() => true), Promise.resolve(false)]));
    assert.deepEqual(new Set(await Promise.all(answered)), new Set([false]));
    await run(Promise.all(calls));
    const requests = arrivals.length;
    assert.ok(most === 1 ? requests === 2 : requests === most, `${acks}: ${requests} requests`);
    assert.deepEqual(
      (await jobs("q", 0)).map((each) => Number(text.decode(each.value!))),
      [0, 1, 2, 3, 4, 5],
    );
  }
});

test("a variant sends as it says, and has what it does not say from the one that it was made of", async (t) => {
  const { app, run, broker } = await startEnqueueBench(t, { producer: { compression: "gzip" } }, { q: 1 });
  const seen: unknown[] = [];
  broker.observe(({ api, body }) => {
    if (api !== "Produce") return;
    const { acks, topicData } = body as ProduceRequest;
    // The codec is the lowest three bits of a batch's attributes.
    seen.push([acks, topicData[0]!.partitionData[0]!.records![22]! & 7]);
  });
  const own = app.producer;
  const variants = {
    own,
    leader: own.with({ acks: "leader" }),
    plain: own.with({ acks: "leader" }).with({ compression: "none" }),
  };
  const job = app.job<keyof typeof variants>({
    ...{ name: "chosen", queue: "q", perform },
    producer: ({ payload }) => variants[payload],
  });
  // Large enough for compression to make it smaller.
  const long = job.set({ headers: { filler: "x".repeat(1_000) } });
  for (const name of ["own", "leader", "plain"] as const) await run(long.performLater(name));
  assert.deepEqual(seen, [
    [-1, 1],
    [1, 1],
    [1, 0],
  ]);
});

test("S2.4 a variant that waits for no acknowledgement knows no offset", async (t) => {
  const { app, run, jobs } = await startEnqueueBench(t, {}, { q: 1 });
  const none = app.producer.with({ acks: "none" });
  const job = app.job<number>({ name: "none", queue: "q", producer: () => none, perform });
  const done = await run(job.performLater(1));
  assert.deepEqual([done.state, done.state === "enqueued" && done.offset], ["enqueued", -1]);
  assert.deepEqual(
    (await jobs("q", 0)).map(({ id }) => id),
    [done.id],
  );
});

test("a producer that is not the app's own is refused", async () => {
  const app = createApp();
  const choices: Record<string, unknown> = { foreign: createApp().producer, none: undefined, text: "leader" };
  const job = app.job<string>({
    ...{ name: "chosen", queue: "q", perform },
    producer: ({ payload }) => choices[payload] as never,
  });
  for (const choice of Object.keys(choices)) await assert.rejects(job.performLater(choice), InvalidOptionError, choice);
});
