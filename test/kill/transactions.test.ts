import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { startBroker } from "ottla/broker";
import { Kafka } from "ottla/kafka";
import { startTransform, TRANSFORM_STEPS, type Transform, type TransformRun } from "./transform-run.ts";

const BATCHES = 24;
const BATCH = 3;
const END = "end";

test("consume, transform, produce: killed after each step, each record is written once", {
  timeout: 180_000,
}, async (t) => {
  const given = process.env.KAFKA_BROKERS;
  let brokers = given?.split(",");
  let sessionTimeout = 6_000;
  if (brokers === undefined || given === "") {
    sessionTimeout = 1_000;
    const broker = await startBroker({ port: 0, minSessionTimeout: sessionTimeout });
    t.after(() => broker.close());
    brokers = [broker.address];
  }
  const kafka = new Kafka({ brokers });
  const id = `transform-${crypto.randomUUID()}`;
  const run: TransformRun = {
    ...{ brokers, source: `${id}-source`, sink: `${id}-sink`, group: id, transactionalId: id, sessionTimeout },
    stopAt: null,
  };
  const topics = [run.source, run.sink];
  let living: Transform | undefined;
  try {
    await kafka.admin().createTopics(topics.map((name) => ({ name, partitions: 2 })));
    const values = await fill(kafka, run.source);
    for (const stopAt of TRANSFORM_STEPS) {
      living = startTransform({ ...run, stopAt });
      await living.stopped;
      await living.kill();
    }
    living = startTransform(run);
    assert.deepEqual((await readAll(kafka, run.sink, values.length)).sort(), values.sort());
  } finally {
    await living?.kill();
    await kafka.admin().deleteTopics(topics);
    await kafka.close();
  }
});

/** Writes small batches, of which a fetch gives one or two. */
async function fill(kafka: Kafka, topic: string): Promise<string[]> {
  const producer = kafka.producer();
  const values: string[] = [];
  for (let batch = 0; batch < BATCHES; batch++) {
    const own = Array.from({ length: BATCH }, (_, i) => `${batch}.${i}`);
    await producer.sendMany(own.map((value) => ({ topic, partition: batch % 2, value })));
    values.push(...own);
  }
  return values;
}

/** All committed values: once `count` have come, a transaction of this process shows that there are no more. */
async function readAll(kafka: Kafka, topic: string, count: number): Promise<string[]> {
  const found: string[] = [];
  let ends = 0;
  let isAsked = false;
  const consumer = kafka.consumer({ groupId: `${topic}-reader`, topics: [topic], sessionTimeout: 6_000 });
  for await (const { records } of consumer) {
    for (const { value } of records) {
      const text = new TextDecoder().decode(value!);
      if (text === END) ends += 1;
      else found.push(text);
    }
    if (ends === 2) return found;
    if (found.length < count || isAsked) continue;
    isAsked = true;
    await kafka.producer().sendMany([0, 1].map((partition) => ({ topic, partition, value: END })));
  }
  return found;
}
