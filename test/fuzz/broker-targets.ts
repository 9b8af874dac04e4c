import assert from "node:assert/strict";
import { CodecUnavailableError } from "../../protocol/compression.ts";
import { crc32c } from "../../protocol/crc32c.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { readRecords } from "../../protocol/records.ts";
import { BatchRefused, checkBatch } from "../../src/broker/batch-check.ts";
import { decodeChunkIndex, encodeChunkIndex } from "../../src/broker/chunk-index-file.ts";
import { openJournal } from "../../src/broker/journal.ts";
import type { BrokerEvent } from "../../src/broker/mod.ts";
import { PartitionFiles } from "../../src/broker/partition-files.ts";
import { type SaslMechanismName, SaslRefused, SaslServer } from "../../src/broker/sasl-server.ts";
import { StorageError } from "../../src/broker/storage.ts";
import { systemClock } from "../../src/net/clock.ts";
import { startBench } from "../broker/raw-client.ts";
import { goldenExchanges } from "../support/golden-exchanges.ts";
import { joined, madeBatch } from "../support/made-batch.ts";
import { MemoryStorage } from "../support/memory-storage.ts";
import { syncDigest } from "../support/sync-digest.ts";
import { protocolTargets, withCrcs } from "./protocol-targets.ts";
import { allowing, allowingLater, type FuzzTarget, textOf, texts } from "./target.ts";

const HEADER = 8;

/** Frames of a journal with the sums that they should have. */
function withSums(input: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = input.slice();
  const view = new DataView(bytes.buffer);
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const end = at + HEADER + view.getUint32(at);
    if (end > bytes.length) break;
    view.setUint32(at + 4, crc32c(bytes, at + HEADER, end));
    at = end;
  }
  return bytes;
}

function written(): MemoryStorage {
  const storage = new MemoryStorage();
  const journal = openJournal(storage, "j");
  journal.write([["a", { n: 1, bytes: Uint8Array.of(1, 2) }]]);
  journal.write([
    ["b", [null, true, "x"]],
    ["a", undefined],
  ]);
  return storage;
}

const journal: FuzzTarget = {
  name: "journal",
  watched: /\/src\/broker\/journal/,
  words: ['[["a",1]]', '{"$bytes":"AQI="}', "__proto__", "[[", "]]"],
  seeds: () => [written().files.get("j")!],
  run(input) {
    const storage = new MemoryStorage(new Map([["j", withSums(input)]]));
    const opened = allowing([StorageError], () => openJournal(storage, "j"));
    const entries = allowing([StorageError], () => opened && [...opened.entries]);
    if (opened === undefined || entries === undefined) return;
    opened.write([["more", 1]]);
    const again = [...openJournal(storage, "j").entries];
    assert.deepEqual(new Map(again), new Map(entries).set("more", 1));
  },
};

const INDEX = { offsets: [0, 3], ends: [3, 5], positions: [0, 90], timestamps: [7, 8] };
const NONE = { offsets: [], ends: [], positions: [], timestamps: [] };
const FILE = { index: INDEX, size: 180, endOffset: 5, segmentBase: 0, endsSegment: true, epochs: [], state: null };

const chunkIndex: FuzzTarget = {
  name: "chunk-index",
  watched: /\/src\/broker\/(chunk-index-file|journal-value)/,
  words: ['"count":', "99999999", '{"$bytes":"AQI="}', "null", "-1"],
  seeds: () => [encodeChunkIndex(FILE), encodeChunkIndex({ ...FILE, index: NONE })],
  run(input) {
    const bytes = input.slice();
    if (bytes.length >= HEADER) new DataView(bytes.buffer).setUint32(0, crc32c(bytes, 4, bytes.length));
    const read = decodeChunkIndex(bytes);
    assert.ok((read?.index.offsets.length ?? 0) <= bytes.length / 8);
  },
};

/** A file of batches that no index is for. */
const partitionFile: FuzzTarget = {
  name: "partition-file",
  watched: /\/src\/broker\/(partition-files|scan-batches|log-chunk)/,
  seeds: () => {
    const batches = [0, 1, 2].map((baseOffset) =>
      madeBatch({ baseOffset, records: [{ value: "v" }], leaderEpoch: baseOffset }),
    );
    return [Uint8Array.from(batches.flatMap((batch) => [...batch])), batches[0]!];
  },
  run(input) {
    const name = `t/${"0".repeat(20)}-0.log`;
    const storage = new MemoryStorage(new Map([[name, withCrcs(input)]]));
    const keeper = { kept: { offset: 0, state: null }, keep: () => {} };
    const files = new PartitionFiles(storage, "t", keeper);
    const found = allowing([StorageError], () => files.load());
    if (found === undefined) return;
    assert.ok(found.chunks.every(({ size }) => size <= input.length));
    assert.deepEqual(new PartitionFiles(storage, "t", keeper).load().epochs, found.epochs);
  },
};

const NOW = 1_700_000_000_000;
const RULES = { maxMessageBytes: 1 << 20, needsKeys: false, timestampBeforeMaxMs: 1e15, timestampAfterMaxMs: 1e15 };

/** What the broker takes to be a batch, readers can read. */
const producedBatch: FuzzTarget = {
  name: "produced-batch",
  watched: /\/src\/broker\/batch-check\.ts/,
  seeds: protocolTargets.find(({ name }) => name === "batches")!.seeds,
  run(input) {
    const bytes = withCrcs(input);
    for (const logAppendTime of [false, true]) {
      const checked = allowing([BatchRefused], () => checkBatch(bytes, 9, { ...RULES, logAppendTime }, NOW));
      if (checked === undefined) continue;
      const stored = new Uint8Array(checked.bytes);
      const records =
        allowing([CodecUnavailableError], () => readRecords(stored, { ...checked.header }, 1 << 20)) ?? [];
      for (const record of records) assert.ok(Array.isArray(record.headers));
    }
  },
};

const MECHANISMS: readonly SaslMechanismName[] = ["PLAIN", "SCRAM-SHA-256", "OAUTHBEARER"];

/** What clients say to log in: a line each, after a letter for the mechanism. */
const sasl: FuzzTarget = {
  name: "sasl",
  watched: /\/src\/broker\/sasl-server\.ts/,
  isText: true,
  words: ["\0", "\u0001", "auth=Bearer ", "n,,", "n=user,r=", "c=biws", "__proto__", "user", "pencil"],
  seeds: texts(
    "P\0user\0pencil",
    "Sn,,n=user,r=nonce\nc=biws,r=nonce,p=AA==",
    "On,,\u0001auth=Bearer abc.def\u0001a=b\u0001\u0001\n\u0001",
    "Pother\0user\0pencil",
  ),
  async run(input) {
    const mechanism = MECHANISMS.find((name) => name.charCodeAt(0) === input[0]) ?? "PLAIN";
    const token = (text: string) => (text === "abc.def" ? { principal: "someone" } : undefined);
    const server = new SaslServer({ users: { user: "pencil" }, token }, systemClock, syncDigest);
    const at = input.indexOf(10, 1) < 0 ? input.length : input.indexOf(10, 1);
    const outcome = await allowingLater([SaslRefused], async () => {
      const session = server.begin(mechanism, input.subarray(1, at));
      const first = await session.next();
      return first.done ? first.value : (await session.next(input.subarray(at + 1))).value;
    });
    if (outcome === undefined || outcome instanceof Uint8Array) return;
    const said = textOf(input);
    const proves = mechanism === "PLAIN" ? said.includes("\0user\0pencil") : said.includes("abc.def");
    assert.ok(proves, `${outcome.principal} was let in`);
  },
};

/** Milliseconds that a broker is given: what it holds longer, as a fetch without records, ends with the connection. */
const PATIENCE = 50;

/** Of a connection that begins as one of a real client went. */
const REQUESTS = 6;

/** A whole broker, and requests of one connection. */
const broker: FuzzTarget = {
  name: "broker",
  watched: /\/src\/broker\//,
  seeds: () => {
    const requests = goldenExchanges.map(({ request }) => request);
    const sessions = requests.map((_, i) => joined(...requests.slice(i, i + REQUESTS))).filter((_, i) => i % 3 === 0);
    return [...requests, ...sessions];
  },
  async run(input) {
    const failed: BrokerEvent[] = [];
    const log = (event: BrokerEvent): void => void (event.kind === "failed" && failed.push(event));
    const bench = await startBench({ nodes: 2, log, autoCreateTopics: false });
    for (const name of ["golden", "golden-topic"]) await bench.broker.createTopic(name, { partitions: 2 });
    const client = await bench.connect();
    client.write(resized(input));
    await bench.run(new Promise<void>((resolve) => void bench.clock.timer(PATIENCE, resolve)));
    client.close();
    assert.deepEqual(failed, []);
    const healthy = await bench.connect();
    const { errorCode } = await bench.run(healthy.call(apiVersions, 0, {}));
    assert.equal(errorCode, 0);
    await bench.broker.close();
  },
};

/** With sizes that fit, so that it is read as frames. */
function resized(input: Uint8Array): Uint8Array {
  const out = input.slice();
  const view = new DataView(out.buffer);
  for (let at = 0; at + 4 <= out.length; at += 4 + view.getInt32(at)) {
    const size = view.getInt32(at);
    if (size >= 0 && size <= out.length - at - 4) continue;
    view.setInt32(at, out.length - at - 4);
    break;
  }
  return out;
}

export const brokerTargets: readonly FuzzTarget[] = [journal, chunkIndex, partitionFile, producedBatch, sasl, broker];
