import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Consumer, ConsumerBatch } from "../../src/client/consumer.ts";
import type { ConsumerOptions } from "../../src/client/consumer-options.ts";
import { type ClientBench, startClientBench } from "../support/client-bench.ts";

const text = new TextDecoder();

function valuesOf(batch: ConsumerBatch): string[] {
  return batch.records.map(({ value }) => text.decode(value!));
}

async function send(bench: ClientBench, partition: number, ...values: string[]): Promise<void> {
  const producer = bench.client().producer();
  await bench.run(producer.sendMany(values.map((value) => ({ topic: "t", partition, value }))));
}

/** A consumer in a client of its own. */
function consume(bench: ClientBench, options: Partial<ConsumerOptions> = {}): Consumer {
  return bench.client().consumer({ groupId: "g", topics: ["t"], sessionTimeout: 10_000, ...options });
}

/** Reads until so many values have come, commits each batch, and closes. */
async function read(consumer: Consumer, wanted: number): Promise<string[]> {
  const came: string[] = [];
  for await (const batch of consumer) {
    came.push(...valuesOf(batch));
    await consumer.commit(batch);
    if (came.length >= wanted) break;
  }
  return came;
}

function readSome(bench: ClientBench, consumer: Consumer, wanted: number): Promise<string[]> {
  return bench.run(read(consumer, wanted));
}

test("what was committed is not read again by the group", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1 } });
  await send(bench, 0, "a", "b");
  assert.deepEqual(await readSome(bench, consume(bench), 2), ["a", "b"]);
  await send(bench, 0, "c");
  assert.deepEqual(await readSome(bench, consume(bench), 1), ["c"]);
  assert.deepEqual(await readSome(bench, consume(bench, { groupId: "other" }), 3), ["a", "b", "c"]);
  const [committed] = bench.broker.groups().find(({ groupId }) => groupId === "g")!.offsets;
  assert.deepEqual([committed!.offset, committed!.leaderEpoch], [3, 0]);
});

test("what was not committed is read again", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1 } });
  await send(bench, 0, "a", "b");
  for (let i = 0; i < 2; i++) {
    const consumer = consume(bench);
    const reading = (async () => {
      for await (const batch of consumer) return valuesOf(batch);
    })();
    assert.deepEqual(await bench.run(reading), ["a", "b"]);
  }
});

test("records that come while the iteration waits wake it", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1 } });
  const consumer = consume(bench);
  const reading = readSome(bench, consumer, 2);
  await bench.time.advance(10_000);
  await send(bench, 0, "a");
  await bench.time.advance(10_000);
  await send(bench, 0, "b");
  assert.deepEqual(await reading, ["a", "b"]);
});

test("without a committed offset it begins where offsetReset says", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1 } });
  await send(bench, 0, "a", "b");
  assert.deepEqual(await readSome(bench, consume(bench, { groupId: "e", offsetReset: "earliest" }), 2), ["a", "b"]);
  const latest = consume(bench, { groupId: "l", offsetReset: "latest" });
  const reading = readSome(bench, latest, 1);
  await bench.time.advance(10_000);
  await send(bench, 0, "c");
  assert.deepEqual(await reading, ["c"]);
  const error = await bench.failure(read(consume(bench, { groupId: "f", offsetReset: "fail" }), 1));
  assert.deepEqual([error.code, error.topic, error.partition], ["NO_OFFSET", "t", 0]);
  assert.match(error.message, /t\/0.*offsetReset/);
});

test("a committed offset that the log has lost begins where offsetReset says", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1 } });
  await send(bench, 0, "a", "b");
  assert.deepEqual(await readSome(bench, consume(bench), 2), ["a", "b"]);
  await send(bench, 0, "c", "d", "e");
  await bench.broker.deleteRecords("t", 0, 4);
  assert.deepEqual(await readSome(bench, consume(bench), 1), ["e"]);
});

test("close ends the iteration, waits for commits, and leaves the group", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1 } });
  await send(bench, 0, "a");
  const consumer = consume(bench);
  let commit: Promise<void> | undefined;
  const reading = (async () => {
    for await (const batch of consumer) {
      bench.broker.faults.delay({ api: "OffsetCommit", ms: 1_000 });
      commit = consumer.commit(batch);
    }
  })();
  await bench.time.advance(100);
  assert.ok(commit !== undefined);
  await bench.run(consumer.close());
  await Promise.all([reading, commit]);
  const [group] = bench.broker.groups();
  assert.deepEqual([group!.members.length, group!.offsets[0]!.offset], [0, 1]);
  assert.equal(
    (await bench.failure(consumer.commit({ topic: "t", partition: 0, nextOffset: 1, leaderEpoch: 0 }))).code,
    "CLOSED",
  );
  await bench.run(consumer.close());
});

test("a commit that a moved coordinator refuses is repeated, also while closing", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1 }, broker: { nodes: 2 } });
  await send(bench, 0, "a");
  const consumer = consume(bench);
  let commit: Promise<void> | undefined;
  const reading = (async () => {
    for await (const batch of consumer) {
      bench.broker.faults.fail({ api: "OffsetCommit", errorCode: ErrorCode.NOT_COORDINATOR, times: 2 });
      bench.broker.faults.cut({ api: "OffsetCommit", when: "beforeApply" });
      commit = consumer.commit(batch);
    }
  })();
  await bench.time.advance(100);
  await bench.run(consumer.close());
  await Promise.all([reading, commit]);
  assert.equal(bench.broker.groups()[0]!.offsets[0]!.offset, 1);
});

test("close is not held up by commits that nobody answers", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1 } });
  await send(bench, 0, "a");
  const consumer = consume(bench);
  let commit: Promise<unknown> | undefined;
  void (async () => {
    for await (const batch of consumer) {
      bench.broker.faults.drop({ api: "OffsetCommit", times: Number.POSITIVE_INFINITY });
      commit = consumer.commit(batch).catch((error: unknown) => error);
    }
  })();
  await bench.time.advance(100);
  const start = bench.time.elapsed;
  await bench.run(consumer.close());
  assert.ok(bench.time.elapsed - start <= 11_000, `${bench.time.elapsed - start}`);
  assert.ok((await bench.run(commit!)) instanceof Error);
});

test("a signal ends the iteration, be it aborted before or meanwhile, and is let go", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1 } });
  const early = consume(bench, { signal: AbortSignal.abort() });
  assert.deepEqual(await readSome(bench, early, 1), []);
  const abort = new AbortController();
  const consumer = consume(bench, { signal: abort.signal });
  const reading = readSome(bench, consumer, 1);
  await bench.time.advance(5_000);
  abort.abort();
  assert.deepEqual(await reading, []);
  assert.deepEqual(bench.broker.groups()[0]!.members, []);
});

test("close while topics are looked for ends the iteration without an error", async (t) => {
  const bench = await startClientBench(t);
  await bench.broker.faults.stop(1);
  const consumer = consume(bench);
  const reading = readSome(bench, consumer, 1);
  await bench.time.advance(1_000);
  await bench.run(consumer.close());
  assert.deepEqual(await reading, []);
});

test("a topic that does not exist ends the iteration with an error that names it", async (t) => {
  const bench = await startClientBench(t);
  const error = await bench.failure(read(consume(bench, { topics: ["t", "missing"] }), 1));
  assert.deepEqual([error.code, error.topic], ["UNKNOWN_TOPIC_OR_PARTITION", "missing"]);
});

test("errors that do not pass end the iteration: of the group, and of a partition", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1 } });
  await send(bench, 0, "a");
  bench.broker.faults.fail({ api: "ConsumerGroupHeartbeat", errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED });
  const group = await bench.failure(read(consume(bench), 1));
  assert.equal(group.code, "GROUP_AUTHORIZATION_FAILED");
  bench.broker.faults.fail({ api: "Fetch", errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED });
  const partition = await bench.failure(read(consume(bench), 1));
  assert.deepEqual([partition.code, partition.partition], ["TOPIC_AUTHORIZATION_FAILED", 0]);
  assert.deepEqual(bench.broker.groups()[0]!.members, [], "it has left");
});

test("a consumer can be iterated once", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1 } });
  await send(bench, 0, "a");
  const consumer = consume(bench);
  await readSome(bench, consumer, 1);
  assert.match((await bench.failure(read(consumer, 1))).message, /once/);
});

test("a partition that moves to another member is no longer delivered, nor may be committed", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 2 } });
  await send(bench, 0, "a");
  await send(bench, 1, "b");
  const first = consume(bench);
  const batches: ConsumerBatch[] = [];
  void (async () => {
    for await (const batch of first) batches.push(batch);
  })();
  await bench.time.advance(1_000);
  assert.deepEqual(batches.flatMap(valuesOf).sort(), ["a", "b"]);
  const second = consume(bench);
  const moved: ConsumerBatch[] = [];
  void (async () => {
    for await (const batch of second) moved.push(batch);
  })();
  await bench.time.advance(20_000);
  assert.equal(moved.length, 1, "what was not committed comes again, to its new owner");
  const lost = batches.find(({ partition }) => partition === moved[0]!.partition)!;
  const error = await bench.failure(first.commit(lost));
  assert.deepEqual([error.code, error.partition], ["NOT_OWNED", lost.partition]);
  await bench.run(first.commit(batches.find((batch) => batch !== lost)!));
  await bench.run(Promise.all([first.close(), second.close()]));
});

test("a commit in the midst of a rebalance is taken in the next generation", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 2 } });
  await send(bench, 0, "a");
  const consumer = consume(bench);
  bench.broker.faults.fail({ api: "OffsetCommit", errorCode: ErrorCode.REBALANCE_IN_PROGRESS, times: 3 });
  assert.deepEqual(await readSome(bench, consumer, 1), ["a"]);
  assert.equal(bench.broker.groups()[0]!.offsets[0]!.offset, 1);
});

test("one batch is read ahead of the one that is worked on, and no more", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1 } });
  const consumer = consume(bench, { partitionMaxBytes: 1 });
  for (let i = 0; i < 6; i++) await send(bench, 0, `${i}`);
  let fetched = 0;
  bench.broker.observe(({ api }) => {
    fetched += Number(api === "Fetch");
  });
  const came: string[] = [];
  let goOn!: () => void;
  const reading = (async () => {
    for await (const batch of consumer) {
      came.push(...valuesOf(batch));
      if (came.length === 6) return;
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
    }
  })();
  await bench.time.advance(10_000);
  assert.deepEqual([came, fetched], [["0"], 2]);
  for (let i = 1; i < 6; i++) {
    goOn();
    await bench.time.advance(1_000);
    assert.equal(came.length, i + 1);
  }
  await bench.run(reading);
});

test("consumers that come and go read everything", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 4 }, seed: 5, latency: 10 });
  const seen = new Set<string>();
  const start = (): Consumer => {
    const consumer = consume(bench);
    void (async () => {
      for await (const batch of consumer) {
        for (const value of valuesOf(batch)) seen.add(value);
        await consumer.commit(batch).catch(() => {});
      }
    })();
    return consumer;
  };
  const running: Consumer[] = [];
  for (let i = 0; i < 40; i++) {
    await send(bench, i % 4, `${i}`);
    if (i % 5 === 0) running.push(start());
    if (i % 8 === 7) await bench.run(running.shift()!.close());
    await bench.time.advance(500);
  }
  await bench.time.advance(30_000);
  assert.equal(seen.size, 40);
  await bench.run(Promise.all(running.map((consumer) => consumer.close())));
});

test("S6.3 a consumer whose name another has says so, and reads once it is free", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1 } });
  await send(bench, 0, "a");
  const first = consume(bench, { groupProtocol: "consumer", groupInstanceId: "one" });
  assert.deepEqual(
    await bench.run(
      first[Symbol.asyncIterator]()
        .next()
        .then(({ value }) => valuesOf(value!)),
    ),
    ["a"],
  );
  const second = consume(bench, { groupProtocol: "consumer", groupInstanceId: "one" });
  const busy: string[] = [];
  second.on("instanceIdBusy", ({ groupInstanceId, error }) => busy.push(`${groupInstanceId} ${error.code}`));
  const reading = readSome(bench, second, 1);
  await bench.time.advance(5_000);
  assert.ok(busy.length > 0);
  assert.deepEqual([...new Set(busy)], ["one UNRELEASED_INSTANCE_ID"]);
  await bench.run(first.close());
  assert.deepEqual(await reading, ["a"]);
});
