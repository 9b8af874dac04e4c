// Other JavaScript clients for the interoperation tests: `node js-peer.mjs CLIENT PART BROKERS TOPIC …`, in a directory
// where the client is installed. Records go through standard input and output, one a line: see record-lines.ts.
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { text } from "node:stream/consumers";
import * as zlib from "node:zlib";

const [client, part, brokerList, topic, option] = process.argv.slice(2);
const brokers = brokerList.split(",");
const load = createRequire(join(process.cwd(), "package.json"));

const hex = (bytes) => (bytes === null || bytes === undefined ? "null" : Buffer.from(bytes).toString("hex"));
const bytes = (text) => (text === "null" ? null : Buffer.from(text, "hex"));

function parse(line) {
  const [partition, timestamp, key, value, headers] = line.split("\t");
  return {
    partition: partition === "" ? undefined : Number(partition),
    timestamp: timestamp === "" ? undefined : timestamp,
    key: bytes(key),
    value: bytes(value),
    headers: headers === "" ? [] : headers.split(",").map((pair) => pair.split(":").map(bytes)),
  };
}

function print({ partition, timestamp, key, value, headers }) {
  const pairs = headers.map(([name, content]) => `${hex(name)}:${hex(content)}`);
  process.stdout.write(`${[partition, timestamp, hex(key), hex(value), pairs.join(",")].join("\t")}\n`);
}

function kafkajs() {
  const { Kafka, CompressionTypes, CompressionCodecs, Partitioners } = load("kafkajs");
  const codec = (compress, decompress) => () => ({
    compress: ({ buffer }) => Promise.resolve(compress(buffer)),
    decompress: (buffer) => Promise.resolve(decompress(buffer)),
  });
  CompressionCodecs[CompressionTypes.Snappy] = load("kafkajs-snappy");
  CompressionCodecs[CompressionTypes.ZSTD] = codec(zlib.zstdCompressSync, zlib.zstdDecompressSync);
  const kafka = new Kafka({ brokers, logLevel: 1 });
  const types = { none: "None", gzip: "GZIP", snappy: "Snappy", zstd: "ZSTD" };
  return {
    async write(records, compression) {
      // Else it stores records twice where one partition of a new topic has no leader yet.
      const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent: true });
      await producer.connect();
      const messages = records.map(({ headers, ...record }) => ({
        ...record,
        headers: Object.fromEntries(headers.map(([name, content]) => [name.toString(), content])),
      }));
      await producer.send({ topic, compression: CompressionTypes[types[compression]], messages });
      await producer.disconnect();
    },
    async read(count) {
      const consumer = kafka.consumer({ groupId: `kafkajs-${topic}-${Date.now()}`, maxWaitTimeInMs: 200 });
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      let left = count;
      await new Promise((resolve) => {
        const eachMessage = async ({ partition, message }) => {
          const pairs = Object.entries(message.headers).flatMap(([name, content]) =>
            (Array.isArray(content) ? content : [content]).map((one) => [Buffer.from(name), one]),
          );
          print({ ...message, partition, headers: pairs });
          if (--left === 0) resolve();
        };
        consumer.run({ eachMessage });
      });
      await consumer.disconnect();
    },
  };
}

function platformatic() {
  const { Producer, Consumer, MessagesStreamModes, ProduceAcks, defaultPartitioner, compatibilityPartitioner } =
    load("@platformatic/kafka");
  return {
    async write(records, compression) {
      const producer = new Producer({
        ...{ clientId: "peer", bootstrapBrokers: brokers, idempotent: true },
        partitioner: compatibilityPartitioner ?? defaultPartitioner,
      });
      const messages = records.map(({ headers, timestamp, key, ...record }) => ({
        ...{ ...record, topic, headers: new Map(headers) },
        ...(key === null ? {} : { key }),
        ...(timestamp === undefined ? {} : { timestamp: BigInt(timestamp) }),
      }));
      await producer.send({ messages, compression, acks: ProduceAcks.ALL });
      await producer.close();
    },
    async read(count) {
      const consumer = new Consumer({ clientId: "peer", groupId: `platformatic-${topic}`, bootstrapBrokers: brokers });
      const mode = MessagesStreamModes.EARLIEST;
      const stream = await consumer.consume({ topics: [topic], mode, maxWaitTime: 200, autocommit: true });
      let left = count;
      for await (const message of stream) {
        print({ ...message, headers: [...message.headers] });
        if (--left === 0) break;
      }
      await consumer.close(true);
    },
  };
}

const peer = { kafkajs, platformatic }[client]();
if (part === "write") {
  const lines = (await text(process.stdin)).split("\n").filter((line) => line !== "");
  await peer.write(lines.map(parse), option);
} else await peer.read(Number(option));
// A process that exits drops what its pipe has not taken yet.
process.stdout.write("", () => process.exit(0));
