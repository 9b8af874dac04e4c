/**
 * Consumes, transforms and produces, each batch in a transaction with its offset: `transform.ts SETTINGS`, with SETTINGS
 * as JSON. Where it is to be killed it says so on its output; it waits there, or is in the middle of its commit.
 */
import process from "node:process";
import { type Consumer, type ConsumerBatch, Kafka, TransactionAbortedError } from "ottla/kafka";
import type { TransformRun, TransformStep } from "./transform-run.ts";

const run: TransformRun = JSON.parse(process.argv[2]!);
const kafka = new Kafka({ brokers: run.brokers });
const producer = kafka.producer({ transactionalId: run.transactionalId, transactionTimeout: 10_000 });
const consumer: Consumer = kafka.consumer({
  ...{ groupId: run.group, topics: [run.source], sessionTimeout: run.sessionTimeout },
  // A static member of a classic group takes the place of the one that was killed at once.
  ...{ groupProtocol: "classic" as const, groupInstanceId: "transform" },
  ...{ maxWait: 100, partitionMaxBytes: 200 },
});
let batches = 0;

async function reached(step: TransformStep): Promise<void> {
  if (run.stopAt !== step || batches < 2) return;
  process.stdout.write("here\n");
  if (step !== "committing") await new Promise<void>((resolve) => setTimeout(resolve, 600_000));
}

async function transform({ topic, partition, nextOffset, leaderEpoch, records }: ConsumerBatch): Promise<void> {
  await reached("read");
  const transaction = await producer.begin();
  await reached("begun");
  await transaction.sendMany(records.map(({ value }) => ({ topic: run.sink, value })));
  await reached("sent");
  await transaction.sendOffsets({ consumer, offsets: [{ topic, partition, offset: nextOffset, leaderEpoch }] });
  await reached("offsets");
  const committed = transaction.commit();
  await reached("committing");
  await committed;
  await reached("committed");
}

// What the one before has left open would hold back the offsets for as long as a transaction may be open.
await producer.init();
for await (const batch of consumer) {
  batches += 1;
  try {
    await transform(batch);
  } catch (error) {
    // Put out of the group, it has to begin anew behind what is committed: as a new process does.
    if (!(error instanceof TransactionAbortedError)) throw error;
    process.exit(1);
  }
}
