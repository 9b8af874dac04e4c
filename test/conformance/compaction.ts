import assert from "node:assert/strict";
import { conformanceTest } from "./conformance-test.ts";
import { storedBatches, storedRecords, take, text } from "./reading.ts";
import type { Target, TestCluster } from "./target.ts";

/** Everything is due soon, as far as the broker's own rhythm allows. */
const EAGER = {
  "cleanup.policy": "compact",
  "segment.ms": "300",
  "min.cleanable.dirty.ratio": "0.01",
  "delete.retention.ms": "100",
};
/** Apache Kafka looks for what to compact every 15 s. */
const PATIENCE = 150_000;

class CompactedTopic {
  readonly #cluster: TestCluster;
  readonly topic: string;

  constructor(cluster: TestCluster, topic: string) {
    this.#cluster = cluster;
    this.topic = topic;
  }

  async write(...records: readonly (readonly [key: string, value: string | null])[]): Promise<void> {
    const producer = this.#cluster.kafka().producer();
    for (const [key, value] of records) await producer.send({ topic: this.topic, key, value });
  }

  async read(): Promise<string[]> {
    const records = await storedRecords(this.#cluster.kafka(), this.topic);
    return records.map(({ offset, key, value }) => `${offset} ${text(key)}=${text(value)}`);
  }

  /** Goes on writing, so that segments end and there is something to compact, until `isDone` of what is read. */
  async until(isDone: (records: readonly string[]) => boolean): Promise<string[]> {
    for (let n = 0; ; n++) {
      const records = await this.read();
      if (isDone(records)) return records;
      await new Promise((resolve) => setTimeout(resolve, 400));
      await this.write(["tick", `${n}`]);
    }
  }
}

/** What a compacted topic is to its readers, on any broker. */
export function compactionConformance(target: Target): void {
  const test = conformanceTest(target, PATIENCE);

  test("compaction keeps the last record of each key at its offset, and takes tombstones away in the end", async (cluster) => {
    const compacted = new CompactedTopic(cluster, await cluster.topic(1, EAGER));
    await compacted.write(["a", "1"], ["b", "1"], ["a", "2"], ["b", null], ["c", "1"]);
    const ofKeys = (records: readonly string[]): string[] => records.filter((record) => !record.includes("tick"));
    const early = ofKeys(await compacted.until((records) => !records.includes("0 a=1") && !records.includes("1 b=1")));
    assert.ok(early.includes("2 a=2") && early.includes("4 c=1"), early.join());
    const late = await compacted.until((records) => !records.includes("3 b=null"));
    assert.deepEqual(ofKeys(late), ["2 a=2", "4 c=1"]);
    const consumer = cluster.kafka().consumer({
      ...{ groupId: cluster.fresh("group"), topics: [compacted.topic] },
      sessionTimeout: cluster.sessionTimeout,
    });
    cluster.onClose(() => consumer.close());
    const [first] = await take(consumer[Symbol.asyncIterator](), 1);
    assert.equal(first!.records[0]!.offset, 2, "a reader from the beginning gets what is left");
  });

  test("compaction keeps an idempotent producer's last batch, empty if need be", async (cluster) => {
    const compacted = new CompactedTopic(cluster, await cluster.topic(1, EAGER));
    const other = cluster.otherKafka();
    const { offset } = await other.producer().send({ topic: compacted.topic, key: "a", value: "first" });
    assert.equal(offset, 0);
    await compacted.write(["a", "second"]);
    await compacted.until((records) => !records.includes("0 a=first"));
    const [batch] = await storedBatches(cluster.kafka(), compacted.topic);
    assert.deepEqual([batch!.baseOffset, batch!.recordCount], [0, 0]);
    assert.ok(batch!.producerId >= 0);
    const next = await other.producer().send({ topic: compacted.topic, key: "a", value: "third" });
    assert.ok(next.offset! > 1, "and its sequence goes on");
  });
}
