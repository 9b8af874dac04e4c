import assert from "node:assert/strict";
import { BatchBuilder, type ProducerStamp } from "../../protocol/batch-builder.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { type PartitionProduceResponse, produce } from "../../protocol/messages/00-produce.ts";
import { initProducerId } from "../../protocol/messages/22-init-producer-id.ts";
import type { ProducerId } from "../../protocol/producer-id.ts";
import type { Kafka } from "../../src/client/mod.ts";
import { conformanceTest } from "./conformance-test.ts";
import { readTopic, storedRecords, values } from "./reading.ts";
import type { Target } from "./target.ts";

const encoder = new TextEncoder();

/** A producer that chooses its own sequences. */
class SequencedProducer {
  readonly #kafka: Kafka;
  readonly #topic: string;
  readonly #stamp: Omit<ProducerStamp, "baseSequence">;

  private constructor(kafka: Kafka, topic: string, producerId: ProducerId, producerEpoch: number) {
    this.#kafka = kafka;
    this.#topic = topic;
    this.#stamp = { producerId, producerEpoch, transactional: false };
  }

  static async start(kafka: Kafka, topic: string): Promise<SequencedProducer> {
    const connection = await kafka.cluster.any("general");
    const body = { transactionalId: null, transactionTimeoutMs: 60_000, producerId: -1, producerEpoch: -1 };
    const { errorCode, producerId, producerEpoch } = await connection.send(initProducerId, body);
    assert.equal(errorCode, 0);
    await kafka.cluster.refresh([topic]);
    return new SequencedProducer(kafka, topic, producerId, producerEpoch);
  }

  /** Sends `batch` as one batch with this sequence. */
  async send(batch: readonly string[], baseSequence: number, epochs = 0): Promise<PartitionProduceResponse> {
    const builder = new BatchBuilder(1 << 20);
    for (const value of batch) builder.append(null, encoder.encode(value), Date.now());
    builder.close("none");
    const stamp = { ...this.#stamp, producerEpoch: this.#stamp.producerEpoch + epochs, baseSequence };
    const { cluster } = this.#kafka;
    const connection = await cluster.node(cluster.metadata.partition(this.#topic, 0)!.leader, "general");
    const partitionData = [{ index: 0, records: builder.stamped(stamp) }];
    const body = { acks: -1, timeoutMs: 10_000, topicData: [{ name: this.#topic, partitionData }] };
    const answer = await connection.send(produce, body, { maxVersion: 12 });
    return answer.responses[0]!.partitionResponses[0]!;
  }
}

/** That a record is stored once, and in order, however often it is sent. */
export function idempotenceConformance(target: Target): void {
  const test = conformanceTest(target);

  test("a repeated batch is answered with its first offset and stored once", async (cluster) => {
    const topic = await cluster.topic();
    const producer = await SequencedProducer.start(cluster.kafka(), topic);
    assert.equal((await producer.send(["a", "b"], 0)).baseOffset, 0);
    assert.equal((await producer.send(["c"], 2)).baseOffset, 2);
    for (const [batch, sequence, offset] of [
      [["a", "b"], 0, 0],
      [["c"], 2, 2],
    ] as const) {
      const { errorCode, baseOffset } = await producer.send(batch, sequence);
      assert.deepEqual([errorCode, baseOffset], [0, offset]);
    }
    assert.deepEqual(values(await storedRecords(cluster.kafka(), topic)), ["a", "b", "c"]);
  });

  test("a batch behind a gap is refused as out of order", async (cluster) => {
    const topic = await cluster.topic();
    const producer = await SequencedProducer.start(cluster.kafka(), topic);
    await producer.send(["a"], 0);
    assert.equal((await producer.send(["c"], 2)).errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert.equal((await producer.send(["b"], 1)).baseOffset, 1);
    assert.deepEqual(values(await storedRecords(cluster.kafka(), topic)), ["a", "b"]);
  });

  test("a raised epoch begins its sequence at 0, and the old epoch is refused", async (cluster) => {
    const topic = await cluster.topic();
    const producer = await SequencedProducer.start(cluster.kafka(), topic);
    await producer.send(["a"], 0);
    assert.equal((await producer.send(["x"], 5, 1)).errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert.equal((await producer.send(["b"], 0, 1)).baseOffset, 1);
    assert.equal((await producer.send(["old"], 1)).errorCode, ErrorCode.INVALID_PRODUCER_EPOCH);
    assert.deepEqual(values(await storedRecords(cluster.kafka(), topic)), ["a", "b"]);
  });

  test("two producers have sequences of their own", async (cluster) => {
    const topic = await cluster.topic();
    const [one, two] = [
      await SequencedProducer.start(cluster.kafka(), topic),
      await SequencedProducer.start(cluster.kafka(), topic),
    ];
    assert.equal((await one.send(["a"], 0)).baseOffset, 0);
    assert.equal((await two.send(["b"], 0)).baseOffset, 1);
    assert.equal((await one.send(["c"], 1)).baseOffset, 2);
  });

  test("a producer whose answers are lost stores every record once, in order", async (cluster) => {
    const topic = await cluster.topic();
    const { kafka, transport } = cluster.unreliableKafka();
    const producer = kafka.producer();
    await producer.send({ topic, value: "0" });
    const count = 200;
    const sent: Promise<unknown>[] = [];
    for (let i = 1; i < count; i++) {
      sent.push(producer.send({ topic, value: String(i) }));
      if (i % 20 === 0) {
        transport.cutAnswerAfter(0);
        await Promise.all(sent.splice(0));
        assert.ok(transport.hasCut);
      }
    }
    await Promise.all(sent);
    assert.deepEqual(
      values((await readTopic(cluster, topic, count)).get(0)!).map(Number),
      Array.from({ length: count }, (_, i) => i),
    );
    assert.equal((await producer.send({ topic, value: "last" })).offset, count);
  });

  test("a producer goes on after a batch that was refused for good", async (cluster) => {
    const topic = await cluster.topic(1, { "max.message.bytes": "2000" });
    const producer = cluster.kafka().producer();
    const stored: string[] = [];
    for (let round = 0; round < 3; round++) {
      const refused = assert.rejects(producer.send({ topic, value: "x".repeat(5000) }), { code: "MESSAGE_TOO_LARGE" });
      await producer.flush();
      await refused;
      await producer.send({ topic, value: String(round) });
      stored.push(String(round));
    }
    assert.deepEqual(values(await storedRecords(cluster.kafka(), topic)), stored);
  });
}
