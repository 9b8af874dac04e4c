import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { Kafka, type Producer } from "../../src/client/mod.ts";
import { storedRecords, text } from "../conformance/reading.ts";
import { type CliProcess, runCli, spawnCli } from "./spawn-cli.ts";

const KILLS = Number(process.env.OTTLA_KILLS ?? 4);
const TOPIC = "orders";
const PARTITIONS = 3;
const SENDERS = 12;

interface Cleanup {
  after(fn: () => void | Promise<void>): void;
}

function folderFor(t: Cleanup): string {
  const folder = mkdtempSync(join(tmpdir(), "ottla-data-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function startIn(t: Cleanup, data: string, port = "0"): Promise<{ broker: CliProcess; address: string }> {
  const broker = spawnCli(t, ["broker", "--data", data, "--port", port]);
  const [, address] = await broker.printed(/Kafka broker on (127\.0\.0\.1:\d+), with its data in /);
  return { broker, address: address! };
}

function kafkaAt(t: Cleanup, address: string): Kafka {
  const kafka = new Kafka({ brokers: [address] });
  t.after(() => kafka.close());
  return kafka;
}

/** Many senders, each with one record under way at any time, through whatever happens to the broker. */
class Load {
  /** Where each value was said to be. */
  readonly acknowledged = new Map<string, { readonly partition: number; readonly offset: number }>();
  readonly #senders: Promise<void>[];
  #stopped = false;
  #waiting: { count: number; reached: () => void } | undefined;

  constructor(producer: Producer) {
    this.#senders = Array.from({ length: SENDERS }, (_, sender) => this.#send(producer, sender));
  }

  async #send(producer: Producer, sender: number): Promise<void> {
    for (let n = 0; !this.#stopped; n++) {
      const value = `${sender}-${n}`;
      const { partition, offset } = await producer.send({ topic: TOPIC, partition: sender % PARTITIONS, value });
      this.acknowledged.set(value, { partition, offset: offset! });
      if (this.#waiting !== undefined && this.acknowledged.size >= this.#waiting.count) this.#waiting.reached();
    }
  }

  /** Resolves when so many more are acknowledged. */
  more(count: number): Promise<void> {
    return new Promise((reached) => {
      this.#waiting = { count: this.acknowledged.size + count, reached };
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#senders);
  }
}

test("ottla broker --data loses and doubles nothing that it acknowledged, however it is killed", {
  timeout: 120_000,
}, async (t) => {
  const data = folderFor(t);
  let { broker, address } = await startIn(t, data);
  const port = address.split(":")[1]!;
  const kafka = kafkaAt(t, address);
  await kafka.admin().createTopics([{ name: TOPIC, partitions: PARTITIONS, config: { "segment.bytes": "20000" } }]);
  const load = new Load(kafka.producer());
  for (let kill = 0; kill < KILLS; kill++) {
    await load.more(50 + Math.floor(Math.random() * 500));
    broker.kill("SIGKILL");
    await broker.exited;
    ({ broker, address } = await startIn(t, data, port));
  }
  await load.more(100);
  await load.stop();
  const found: string[] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (const { offset, value } of await storedRecords(kafka, TOPIC, partition)) {
      assert.deepEqual(load.acknowledged.get(text(value)!), { partition, offset });
      found.push(text(value)!);
    }
  }
  assert.equal(new Set(found).size, found.length, "nothing is there twice");
  assert.equal(found.length, load.acknowledged.size, "all that was acknowledged is there");
  const next = new Map<string, number>();
  for (const value of found) {
    const [sender, n] = value.split("-") as [string, string];
    assert.equal(Number(n), next.get(sender) ?? 0, "in the order of sending");
    next.set(sender, Number(n) + 1);
  }
});

test("a second broker does not start in the folder of a running one, and dev keeps its data there too", async (t) => {
  const data = folderFor(t);
  const first = spawnCli(t, ["dev", "--data", data, "--port", "0"]);
  await first.printed(/Kafka broker on .*, with its data in /);
  const { code, err } = await runCli(t, "broker", "--data", data, "--port", "0");
  assert.equal(code, 1);
  assert.match(err, /is used by process \d+: stop it, or choose another folder/);
  first.kill("SIGTERM");
  assert.equal((await first.exited).code, 0);
  const { broker } = await startIn(t, data);
  broker.kill("SIGTERM");
  assert.equal((await broker.exited).code, 0);
});
