import assert from "node:assert/strict";
import type { Consumer, ConsumerBatch } from "../../src/client/mod.ts";
import { conformanceTest } from "./conformance-test.ts";
import { eventually } from "./eventually.ts";
import { consumerOf, take, values } from "./reading.ts";
import type { Target, TestCluster } from "./target.ts";

/** Sends records, each in a batch of its own, with its value's number of seconds as its time. */
async function fill(cluster: TestCluster, topic: string, ...numbers: readonly number[]): Promise<void> {
  const producer = cluster.kafka().producer();
  for (const number of numbers)
    await producer.send({ topic, partition: 0, value: String(number), timestamp: number * 1_000 });
}

/** One record batch in each batch that is given. */
const SMALL = { partitionMaxBytes: 1 } as const;

function valuesOf(batches: readonly ConsumerBatch[]): (string | null)[] {
  return batches.flatMap(({ records }) => values(records));
}

/** Where the consumer is in the topic's one partition. */
function positionOf(consumer: Consumer, topic: string): number | undefined {
  return consumer.position({ topic, partition: 0 });
}

/** A consumer's control over what it reads. */
export function consumerControlConformance(target: Target): void {
  const test = conformanceTest(target);

  test("a seek drops what was fetched ahead, and reads on from where it says", async (cluster) => {
    const topic = await cluster.topic();
    await fill(cluster, topic, 0, 1, 2, 3, 4);
    const consumer = consumerOf(cluster, { topics: [topic], ...SMALL });
    const batches = consumer[Symbol.asyncIterator]();
    assert.deepEqual(valuesOf(await take(batches, 2)), ["0", "1"]);
    consumer.seek({ topic, partition: 0, offset: 4 });
    assert.equal(positionOf(consumer, topic), 4);
    assert.deepEqual(valuesOf(await take(batches, 1)), ["4"]);
    await consumer.seekTo("earliest");
    assert.deepEqual(valuesOf(await take(batches, 2)), ["0", "1"]);
  });

  test("a consumer seeks to a time, and to the end where no record is as late", async (cluster) => {
    const topic = await cluster.topic();
    await fill(cluster, topic, 1, 2, 3);
    const consumer = consumerOf(cluster, { topics: [topic], offsetReset: { time: 2_000 }, ...SMALL });
    const batches = consumer[Symbol.asyncIterator]();
    assert.deepEqual(valuesOf(await take(batches, 1)), ["2"]);
    await consumer.seekTo({ time: new Date(2_500) });
    assert.equal(positionOf(consumer, topic), 2);
    await consumer.seekTo({ time: 9_000 });
    assert.equal(positionOf(consumer, topic), 3);
    await fill(cluster, topic, 4);
    assert.deepEqual(valuesOf(await take(batches, 1)), ["4"]);
  });

  test("a paused partition stands still while others go on", async (cluster) => {
    const [still, other] = [await cluster.topic(), await cluster.topic()];
    await fill(cluster, still, 0, 1);
    const consumer = consumerOf(cluster, { topics: [still, other], ...SMALL });
    const batches = consumer[Symbol.asyncIterator]();
    assert.deepEqual(valuesOf(await take(batches, 1)), ["0"]);
    consumer.pause([{ topic: still, partition: 0 }]);
    await fill(cluster, other, 7, 8);
    assert.deepEqual(valuesOf(await take(batches, 2)), ["7", "8"]);
    consumer.resume([{ topic: still, partition: 0 }]);
    assert.deepEqual(valuesOf(await take(batches, 1)), ["1"]);
  });

  test("partitions that a consumer gives itself are read and committed without a member", async (cluster) => {
    const topic = await cluster.topic();
    await fill(cluster, topic, 0, 1, 2);
    const groupId = cluster.fresh("group");
    const assignment = [{ topic, partition: 0 }];
    const first = cluster.kafka().consumer({ groupId, assignment, ...SMALL });
    const batches = first[Symbol.asyncIterator]();
    const [batch] = await take(batches, 1);
    await first.commit(batch!);
    await first.commit([{ topic, partition: 0, offset: 2, metadata: "note" }]);
    const [committed] = await first.committed();
    assert.deepEqual([committed!.offset, committed!.metadata], [2, "note"]);
    await first.close();
    const second = cluster.kafka().consumer({ groupId, assignment });
    assert.deepEqual(valuesOf(await take(second[Symbol.asyncIterator](), 1)), ["2"]);
    await second.close();
    const without = cluster.kafka().consumer({ assignment: [{ topic, partition: 0, offset: 1 }] });
    assert.deepEqual(valuesOf(await take(without[Symbol.asyncIterator](), 2)), ["1", "2"]);
    await without.close();
  });

  test("lag is counted to the last stable offset, or to the high watermark under readUncommitted", async (cluster) => {
    const topic = await cluster.topic();
    await fill(cluster, topic, 0, 1);
    const producer = cluster.kafka().producer({ transactionalId: cluster.fresh("id") });
    cluster.onClose(() => producer.close());
    const isolations = ["readCommitted", "readUncommitted"] as const;
    const assignment = [{ topic, partition: 0, offset: 0 }];
    const lags = async (): Promise<number[]> => {
      const found: number[] = [];
      for (const isolation of isolations) {
        const consumer = cluster.kafka().consumer({ assignment, isolation, ...SMALL });
        await take(consumer[Symbol.asyncIterator](), 1);
        found.push((await consumer.lag())[0]!.lag);
        await consumer.close();
      }
      return found;
    };
    await producer.transaction(async (transaction) => {
      await transaction.send({ topic, partition: 0, value: "open" });
      assert.deepEqual(await lags(), [1, 2]);
    });
    // The marker is written in the broker's own time.
    await eventually(async () => assert.deepEqual(await lags(), [3, 3], "the record and its marker"));
  });
}
