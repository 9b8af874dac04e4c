import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProducerRecord, RecordMetadata } from "../../src/client/producer-record.ts";
import { startClientBench } from "../support/client-bench.ts";

test("a partitioner decides for records that name no partition, with or without a key", async (t) => {
  const bench = await startClientBench(t);
  const asked: (readonly [ProducerRecord, number])[] = [];
  const producer = bench.kafka.producer({
    partitioner: (record, partitionCount) => {
      asked.push([record, partitionCount]);
      return Number(record.value) % partitionCount;
    },
  });
  const records: ProducerRecord[] = ["1", "2", "7"].map((value) => ({ topic: "t", key: "same", value }));
  const places = await bench.run(Promise.all(records.map((record) => producer.send(record))));
  assert.deepEqual(
    places.map(({ partition }) => partition),
    [1, 2, 3],
  );
  assert.deepEqual(
    asked,
    records.map((record) => [record, 4]),
  );
  assert.equal((await bench.run(producer.send({ topic: "t", value: "3", partition: 0 }))).partition, 0);
  assert.equal(asked.length, 3);
  assert.equal((await bench.run(producer.with({ linger: 1 }).send({ topic: "t", value: "6" }))).partition, 2);
});

test("what a partitioner throws or gives beside the range rejects that record alone", async (t) => {
  const bench = await startClientBench(t);
  const answers: Record<string, unknown> = {
    a: 1,
    b: 4,
    c: -1,
    d: 1.5,
    e: "1",
    f: undefined,
    g: Promise.resolve(1),
    i: 1,
  };
  const cause = new RangeError("no idea");
  const producer = bench.kafka.producer({
    partitioner: ({ value }) => {
      if (value === "h") throw cause;
      return answers[String(value)] as number;
    },
  });
  const sends = [..."abcdefghi"].map((value): Promise<RecordMetadata> => producer.send({ topic: "t", value }));
  const failures = await Promise.all(sends.slice(1, 8).map((send) => bench.failure(send)));
  for (const [i, error] of failures.entries()) {
    assert.deepEqual([error.code, error.topic], [i === 6 ? "PARTITIONER_FAILED" : "INVALID_ARGUMENT", "t"]);
    assert.match(error.message, i === 6 ? /threw.*no idea/ : /topic t has partitions 0 to 3/);
  }
  assert.equal(failures[6]!.cause, cause);
  await bench.run(Promise.all([sends[0], sends[8]]));
  assert.deepEqual(await bench.values("t", 1), ["a", "i"]);
});

test("the caller's bytes may change once send has returned, though the topic is not known yet or there is no room", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer({ maxBufferedBytes: 1 });
  const bytes = Buffer.from("value");
  const send = (): Promise<RecordMetadata> =>
    producer.send({ topic: "t", partition: 0, key: bytes, value: bytes, headers: { h: bytes } });
  const unknown = [send(), send()];
  bytes.fill("x");
  await bench.run(Promise.all(unknown));
  bytes.write("later");
  const known = [send(), send()];
  bytes.fill("x");
  await bench.run(Promise.all(known));
  const text = new TextDecoder();
  assert.deepEqual(
    (await bench.records("t", 0)).map(({ key, value, headers }) =>
      [key, value, headers[0]![1]].map((part) => text.decode(part!)).join(),
    ),
    ["value,value,value", "value,value,value", "later,later,later", "later,later,later"],
  );
});
