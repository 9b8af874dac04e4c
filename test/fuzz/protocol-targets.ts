import assert from "node:assert/strict";
import { BatchBuilder } from "../../protocol/batch-builder.ts";
import { CodecUnavailableError, codecIds, compress, decompress } from "../../protocol/compression.ts";
import { crc32c } from "../../protocol/crc32c.ts";
import { decodeRequestHeader, expectEnd, FrameSplitter } from "../../protocol/frame.ts";
import { lz4Compress, lz4Decompress } from "../../protocol/lz4.ts";
import { DecodeError, Reader } from "../../protocol/reader.ts";
import { CRC_START, readBatchHeader } from "../../protocol/record-batch.ts";
import { type KafkaRecord, readFetched } from "../../protocol/records.ts";
import { ScramError, scramClient, scramServer } from "../../protocol/scram.ts";
import { snappyCompress, snappyDecompress } from "../../protocol/snappy.ts";
import { readMarker } from "../../protocol/transaction-marker.ts";
import { Writer } from "../../protocol/writer.ts";
import { foreignCompression } from "../support/foreign-compression.ts";
import { goldenExchanges } from "../support/golden-exchanges.ts";
import { attack, surrounded } from "../support/hostile-frame.ts";
import { joined, madeBatch, marker } from "../support/made-batch.ts";
import { type AnyMessage, apis, messages } from "../support/messages.ts";
import { syncDigest } from "../support/sync-digest.ts";
import { allowing, allowingLater, type FuzzTarget, texts } from "./target.ts";

const LIMIT = 1 << 16;
const flexibleSince = (key: number): number => apis.find((api) => api.key === key)?.flexibleSince ?? Number.NaN;

/** What was decoded is decoded again as the same, once it is encoded. */
function assertRoundTrip(message: AnyMessage, version: number, value: unknown): void {
  const writer = new Writer();
  message.encode(writer, version, value);
  const again = message.decode(new Reader(writer.finish()), version);
  assert.deepEqual(again, value);
}

const requests: FuzzTarget = {
  name: "requests",
  watched: /\/protocol\/(reader|schema|field|frame|api|writer|messages\/)/,
  seeds: () => goldenExchanges.map(({ request }) => request.subarray(4)),
  run(input) {
    const decoded = attack(input, (bytes) => {
      const reader = new Reader(bytes);
      const header = decodeRequestHeader(reader, flexibleSince);
      const api = apis.find(({ key }) => key === header.apiKey);
      if (api === undefined) return undefined;
      const body = api.request.decode(reader, header.apiVersion);
      expectEnd(reader, api.name);
      return { header, body };
    });
    if (decoded === undefined) return;
    const { apiKey, apiVersion } = decoded.header;
    assertRoundTrip(apis.find(({ key }) => key === apiKey)!.request, apiVersion, decoded.body);
  },
};

/** Any message, its number and version before it. */
const bodies: FuzzTarget = {
  name: "messages",
  watched: requests.watched,
  seeds: () => [
    ...goldenExchanges.map(({ api, version, response }) => {
      const number = messages.findIndex(({ name }) => name === `${api} response`);
      const { flexibleSince: since } = messages[number]!;
      // The frame's header: its size, the correlation id, and tagged fields where there are any.
      const start = 8 + (version >= since && api !== "ApiVersions" ? 1 : 0);
      return Uint8Array.of(number, version, ...response.subarray(start));
    }),
    ...messages.flatMap(({ minVersion, maxVersion, message }, number) =>
      Array.from({ length: maxVersion - minVersion + 1 }, (_, i) => {
        const writer = new Writer();
        message.encode(writer, minVersion + i, EVERYTHING);
        return Uint8Array.of(number, minVersion + i, ...writer.finish());
      }),
    ),
  ],
  run(input) {
    const [number = 0, version = 0] = input;
    const { message } = messages[number % messages.length]!;
    const value = attack(input.subarray(2), (bytes) => message.decode(new Reader(bytes), version));
    if (value !== undefined) assertRoundTrip(message, version, value);
  },
};
/** Every field at its default. */
const EVERYTHING = {};

/** Frames in chunks, of sizes that follow each other's bytes. */
const frames: FuzzTarget = {
  name: "frames",
  watched: /\/protocol\/frame\.ts/,
  seeds: () => goldenExchanges.slice(0, 20).map(({ request, response }) => joined(request, response)),
  run(input) {
    const splitter = new FrameSplitter(LIMIT);
    let size = 0;
    for (let from = 0; from < input.length; ) {
      const to = Math.min(input.length, from + 1 + (input[from]! % 97));
      const found = allowing([DecodeError], () => [...splitter.push(input.slice(from, to))]);
      if (found === undefined) return;
      for (const frame of found) size += frame.length + 4;
      from = to;
    }
    assert.ok(size <= input.length);
  },
};

/** Batches with the sums that they should have: else nothing behind those would ever be reached. */
export function withCrcs(input: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = surrounded(input);
  for (let at = 0; at < bytes.length; ) {
    const header = allowing([DecodeError], () => readBatchHeader(bytes, at));
    if (header === undefined) break;
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(at + 17, crc32c(bytes, at + CRC_START, header.end));
    at = header.end;
  }
  return bytes;
}

const LOOKED_FOR = new TextEncoder().encode("h");

export function look(record: KafkaRecord): void {
  const { key, value } = record;
  assert.deepEqual([record.isTombstone, record.readKey(() => true)], [value === null, key === null ? undefined : true]);
  const headers = allowing([DecodeError], () => record.headers);
  // The quick way to one header reads them as the slow one does.
  const quick = allowing([DecodeError], () => [record.readLastHeader(LOOKED_FOR, (b, from, to) => b.slice(from, to))]);
  if (headers === undefined) return;
  const last = headers.findLast(([name]) => name === "h")?.[1] ?? undefined;
  assert.deepEqual(quick, [last && new Uint8Array(last)]);
  assert.deepEqual(
    allowing([DecodeError], () => record.detached().headers),
    headers,
  );
  assert.deepEqual(record.detached().value, value);
}

function builtBatches(): Uint8Array[] {
  return (["none", "gzip", "snappy", "lz4", "zstd"] as const).flatMap((compression) => {
    const builder = new BatchBuilder(1 << 20);
    const bytes = new TextEncoder().encode("value ".repeat(9));
    for (const value of [bytes, null]) builder.append(bytes.subarray(0, 3), value, 1_700_000_000_000, [["h", bytes]]);
    const built = allowing([CodecUnavailableError], () => {
      builder.close(compression);
      return builder.stamped({ producerId: 7, producerEpoch: 0, baseSequence: 0, transactional: true });
    });
    return built === undefined ? [] : [built];
  });
}

const ABORTED = [2, 0].map((firstOffset) => ({ producerId: 7, firstOffset }));

const batches: FuzzTarget = {
  name: "batches",
  watched: /\/protocol\/(records|record-batch|reader|transaction-marker|compression)\.ts/,
  seeds: () => [
    ...builtBatches(),
    joined(...builtBatches()),
    joined(
      madeBatch({ baseOffset: 0, records: [{}, { key: "k", value: "v" }], logAppendTime: true }),
      marker(2, 7, "abort"),
    ),
    joined(...builtBatches().slice(0, 1), marker(2, 7, "abort"), marker(3, 7, "commit")),
    madeBatch({ baseOffset: 3, lastOffsetDelta: 4 }),
  ],
  run(input) {
    const bytes = withCrcs(input);
    const errors = [DecodeError, CodecUnavailableError];
    allowing(errors, () => readFetched(surrounded(input), 0, null, LIMIT));
    for (const aborted of [null, ABORTED]) {
      const read = allowing(errors, () => readFetched(bytes, 0, aborted, LIMIT));
      for (const record of read?.records ?? []) look(record);
      assert.ok((read?.records.length ?? 0) <= 4 * LIMIT);
    }
    allowing([DecodeError], () => {
      const header = readBatchHeader(bytes, 0);
      if (header !== undefined) readMarker(bytes, header);
    });
  },
};

/** Bytes that data may have, packed and unpacked: so that the limit is met. */
const MOST = 2_048;

/** Compressed data, the codec's number before it. */
const codecs: FuzzTarget = {
  name: "codecs",
  watched: /\/protocol\/(compression|snappy|lz4|zstd|xxhash|byte-copy|match)/,
  seeds: () => [
    ...foreignCompression.flatMap(({ codecId, packed }) =>
      packed.length > MOST ? [] : [Uint8Array.of(codecId, ...packed)],
    ),
    ...Object.entries(codecIds).flatMap(([type, id]) => {
      const text = new TextEncoder().encode("to be or not to be, that is the question ".repeat(20));
      return [text, text.subarray(0, 5), new Uint8Array(300)].flatMap((plain) => {
        const bytes = allowing([CodecUnavailableError], () => compress(type as keyof typeof codecIds, plain));
        return bytes === undefined ? [] : [Uint8Array.of(id, ...bytes)];
      });
    }),
  ],
  run(input) {
    const [codec = 0] = input;
    const bytes = surrounded(input.subarray(1));
    const plain = allowing([DecodeError, CodecUnavailableError], () => decompress(codec, bytes, MOST));
    if (plain === undefined) return;
    assert.ok(plain.length <= MOST);
    assert.deepEqual(lz4Decompress(lz4Compress(plain), LIMIT), new Uint8Array(plain));
    assert.deepEqual(snappyDecompress(snappyCompress(plain), LIMIT), new Uint8Array(plain));
  },
};

const RFC_NONCE = "rOprNGfwEbeRWgbNEkqO";
const RFC_FIRST = `r=${RFC_NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`;
const RFC_LAST = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
const KEY = new Uint8Array(32).fill(7);

/** Both sides of SCRAM: what the other one says, a line each. */
const scram: FuzzTarget = {
  name: "scram",
  watched: /\/protocol\/scram\.ts/,
  isText: true,
  words: [
    "n=",
    "r=",
    "s=",
    "i=",
    "v=",
    "p=",
    "e=",
    "m=",
    "c=biws",
    "4096",
    "n,,",
    "n,a=user,",
    "=2C",
    "=3D",
    RFC_NONCE,
  ],
  seeds: texts(
    `${RFC_FIRST}\n${RFC_LAST}`,
    "e=other-error\n",
    `n,,n=user,r=${RFC_NONCE}\nc=biws,r=${RFC_NONCE}server,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`,
    "n,a=a=2Cb,n=a=2Cb,r=x\nc=bixhPWE9MkNiLA==,r=xserver,p=",
  ),
  async run(input) {
    const at = input.indexOf(10) < 0 ? input.length : input.indexOf(10);
    const [first, last] = [input.subarray(0, at), input.subarray(at + 1)];
    const common = { hash: "SHA-256", digest: syncDigest } as const;
    await allowingLater([ScramError], async () => {
      const session = scramClient({ ...common, username: "user", nonce: RFC_NONCE, salted: () => KEY });
      await session.next();
      await session.next(first);
      await session.next(last);
    });
    await allowingLater([ScramError], async () => {
      const credential = { salt: KEY, iterations: 4096, storedKey: KEY, serverKey: KEY };
      const session = scramServer({ ...common, nonce: "server", credential: () => credential }, first);
      await session.next();
      await session.next(last);
    });
  },
};

export const protocolTargets: readonly FuzzTarget[] = [requests, bodies, frames, batches, codecs, scram];
