import { type App, createApp, type Job } from "ottla";
import { startBroker } from "ottla/broker";
import { Kafka } from "ottla/kafka";
import { type EncryptionOptions, encryptingSerializer } from "./encrypting-serializer.ts";

interface Charge {
  readonly customer: string;
  readonly card: string;
}

// Yours come from where you keep secrets. These are gone when the process ends.
const newKey = (): Uint8Array => crypto.getRandomValues(new Uint8Array(32));
const january = newKey();
const july = newKey();

const broker = await startBroker({ port: 0 });
const brokers = [broker.address];

/** The app as one deployment has it. */
function deploy(encryption: EncryptionOptions): { app: App; charge: Job<Charge> } {
  const serializer = encryptingSerializer(encryption);
  const queues = { payments: { partitions: 1 } };
  const app = createApp({ kafka: { brokers }, group: "payments-workers", queues, serializer });
  const charge = app.job<Charge>({
    name: "charge",
    queue: "payments",
    // The key is no part of the payload: it is stored as it is.
    partitioner: (job) => job.payload.customer,
    perform: ({ customer, card }) => console.log(`  ran: ${customer} pays by ${card}`),
  });
  return { app, charge };
}

/** Runs until so many jobs have ended. */
async function run(app: App, jobs: number): Promise<void> {
  const done = new Promise<void>((resolve) => {
    app.on("completed", () => --jobs === 0 && resolve());
  });
  const worker = await app.work();
  await done;
  await worker.close();
}

/** Prints what anyone sees who can read the topic. */
async function look(count: number): Promise<void> {
  const kafka = new Kafka({ brokers });
  const consumer = kafka.consumer({ assignment: [{ topic: "payments", partition: 0, offset: 0 }] });
  for await (const { records } of consumer) {
    for (const { key, value } of records) console.log(`  ${printable(key)}: ${printable(value)}`);
    count -= records.length;
    if (count <= 0) break;
  }
  await consumer.close();
  await kafka.close();
}

function printable(bytes: Uint8Array | null): string {
  return Array.from(bytes ?? [], (byte) => (byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·")).join("");
}

const before = deploy({ keys: { "2026-01": january }, current: "2026-01" });
await before.app.topics.apply();
await before.charge.performLater({ customer: "ada", card: "4111-1111" });
await before.charge.performLater({ customer: "grace", card: "5500-0000" });
console.log("Enqueued two jobs with key 2026-01. On the topic:");
await look(2);
console.log("A worker has the key:");
await run(before.app, 2);
await before.charge.performLater({ customer: "ada", card: "4111-1111" });
await before.app.close();

// First every process gets the new key, then `current` names it. The old one stays until no job of it is left.
const after = deploy({ keys: { "2026-01": january, "2026-07": july }, current: "2026-07" });
await after.charge.performLater({ customer: "ada", card: "6011-0004" });
console.log("Enqueued one more, rotated the key, and enqueued another. On the topic:");
await look(4);
console.log("A worker with both keys:");
await run(after.app, 2);
await after.app.close();
await broker.close();
