import assert from "node:assert/strict";
import { test } from "node:test";
import type { Consumer, ConsumerBatch } from "../../src/client/consumer.ts";
import type { ConsumerOptions } from "../../src/client/consumer-options.ts";
import { FetchAhead } from "../../src/client/fetch-ahead.ts";
import { Fetcher } from "../../src/client/fetcher.ts";
import { type ClientBench, startClientBench } from "../support/client-bench.ts";

const KIB = 1024;
const at = (partition: number): { topic: string; partition: number } => ({ topic: "t", partition });

/** `count` record batches of 1 KiB each, in one partition. */
async function fill(bench: ClientBench, partition: number, count: number): Promise<void> {
  const producer = bench.client().producer();
  const value = new Uint8Array(KIB - 100);
  for (let i = 0; i < count; i++) await bench.run(producer.send({ topic: "t", partition, value }));
}

interface AheadBench {
  readonly bench: ClientBench;
  readonly ahead: FetchAhead;
  readonly most: () => number;
}

/** A fetch ahead that reads partitions from their beginnings, and the most bytes that ever waited in it. */
async function startAhead(
  t: { after(fn: () => Promise<void>): void },
  partitions: number,
  limits: { readonly maxBufferedBytes: number; readonly partitionMaxBytes: number },
): Promise<AheadBench> {
  const bench = await startClientBench(t, { topics: { t: partitions } });
  for (let partition = 0; partition < partitions; partition++) await fill(bench, partition, 40);
  await bench.run(bench.kafka.cluster.topic("t", 1_000));
  let most = 0;
  const ahead = new FetchAhead(() => fetcher, limits);
  const fetcher: Fetcher = new Fetcher(
    bench.kafka.cluster,
    {
      isolation: "readCommitted",
      maxWait: 500,
      maxBytes: limits.maxBufferedBytes / 4,
      partitionMaxBytes: limits.partitionMaxBytes,
    },
    {
      fetched: (chunk) => {
        ahead.take(chunk);
        most = Math.max(most, ahead.bufferedBytes);
      },
      outOfRange: () => {},
      failed: () => {},
    },
  );
  t.after(async () => fetcher.close());
  const all = Array.from({ length: partitions }, (_, partition) => at(partition));
  ahead.own(all);
  for (const one of all) ahead.start(one, 0);
  return { bench, ahead, most: () => most };
}

/** Takes all there is, as it comes; the partitions in the order in which they were given. */
async function takeAll({ bench, ahead }: AheadBench, count: number): Promise<number[]> {
  const order: number[] = [];
  let have = 0;
  for (let turns = 0; have < count && turns < 10_000; turns++) {
    const batch = ahead.next();
    if (batch === undefined) {
      await bench.time.advance(100);
      continue;
    }
    order.push(batch.partition);
    have += batch.records.length;
  }
  assert.equal(have, count);
  return order;
}

test("what waits stays within its bytes, and all of it comes", async (t) => {
  const world = await startAhead(t, 8, { maxBufferedBytes: 64 * KIB, partitionMaxBytes: 4 * KIB });
  await world.bench.time.advance(10_000);
  assert.ok(world.ahead.bufferedBytes >= 30 * KIB, `${world.ahead.bufferedBytes} bytes are fetched ahead`);
  await takeAll(world, 8 * 40);
  assert.ok(world.most() <= 64 * KIB, `${world.most()} bytes waited`);
  assert.equal(world.ahead.bufferedBytes, 0);
});

test("partitions take turns: one that is large does not hold up the others (platformatic #128)", async (t) => {
  const world = await startAhead(t, 3, { maxBufferedBytes: 1024 * KIB, partitionMaxBytes: 4 * KIB });
  await fill(world.bench, 0, 200);
  const order = await takeAll(world, 3 * 40 + 200);
  const third = order.indexOf(2);
  const last = [1, 2].map((partition) => order.lastIndexOf(partition));
  assert.ok(third < 3, `${order}`);
  assert.ok(Math.max(...last) < order.length / 2, `${order}`);
});

test("what waits of paused partitions gives way to the others, and comes again when they are resumed", async (t) => {
  const world = await startAhead(t, 4, { maxBufferedBytes: 32 * KIB, partitionMaxBytes: 4 * KIB });
  await world.bench.time.advance(1_000);
  world.ahead.pause([at(0), at(1), at(2)]);
  const order = await takeAll(world, 40);
  assert.ok(order.every((partition) => partition === 3));
  world.ahead.resume([at(0), at(1), at(2)]);
  await takeAll(world, 3 * 40);
});

test("a consumer of many partitions that are all slow to be taken holds bounded bytes", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 6 } });
  for (let partition = 0; partition < 6; partition++) await fill(bench, partition, 30);
  const options: Partial<ConsumerOptions> = { maxBufferedBytes: 32 * KIB, partitionMaxBytes: 8 * KIB };
  const consumer: Consumer = bench.client().consumer({ groupId: "g", topics: ["t"], ...options });
  let fetched = 0;
  bench.broker.observe(({ api }) => {
    fetched += Number(api === "Fetch");
  });
  const batches = consumer[Symbol.asyncIterator]();
  await bench.run(batches.next());
  await bench.time.advance(60_000);
  assert.ok(fetched < 12, `${fetched} fetches while nothing was taken`);
  const taken: ConsumerBatch[] = [];
  let have = 0;
  while (have < 100) {
    const { value } = await bench.run(batches.next());
    taken.push(value as ConsumerBatch);
    have += taken.at(-1)!.records.length;
  }
  await bench.run(consumer.close());
});
