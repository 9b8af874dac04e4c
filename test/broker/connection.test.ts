import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { decodeResponse, encodeRequest } from "../../protocol/frame.ts";
import { fetch } from "../../protocol/messages/01-fetch.ts";
import { metadata } from "../../protocol/messages/03-metadata.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { handlers } from "../../src/broker/handlers/handlers.ts";
import type { BrokerEvent } from "../../src/broker/mod.ts";
import { VirtualDeadlockError } from "../../src/testing/virtual-clock.ts";
import { type Bench, type RawClient, startBench } from "./raw-client.ts";

/** A request header as a client could send it, with any key and version. */
function header(apiKey: number, version: number, body: readonly number[] = []): Uint8Array {
  const bytes = new Uint8Array(14 + body.length);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, bytes.length - 4);
  view.setInt16(4, apiKey);
  view.setInt16(6, version);
  view.setInt32(8, 1);
  view.setInt16(12, -1);
  bytes.set(body, 14);
  return bytes;
}

async function start(
  options: { maxRequestBytes?: number } = {},
): Promise<{ bench: Bench; client: RawClient; events: BrokerEvent[] }> {
  const events: BrokerEvent[] = [];
  const bench = await startBench({ log: (event) => events.push(event), ...options });
  return { bench, client: await bench.connect(), events };
}

describe("a connection", () => {
  test("offers every API that has a handler", async () => {
    const { bench, client } = await start();
    for (let version = 0; version <= apiVersions.maxVersion; version++) {
      const software = { clientSoftwareName: "ottla", clientSoftwareVersion: "0.1.0" };
      const { errorCode, apiKeys } = await bench.run(client.call(apiVersions, version, version < 3 ? {} : software));
      assert.equal(errorCode, 0);
      assert.equal(apiKeys.length, handlers.size);
      const offered = apiKeys.find((one) => one.apiKey === fetch.key);
      assert.deepEqual(offered, { apiKey: 1, minVersion: fetch.minVersion, maxVersion: fetch.maxVersion });
      assert.equal(apiKeys.find((one) => one.apiKey === 0)!.minVersion, 0, "Produce claims 0, as Kafka's does");
    }
  });

  test("answers an ApiVersions version that it does not have in the form of version 0 (KIP-511)", async () => {
    const { bench, client } = await start();
    const frame = client.frame(
      {
        ...apiVersions,
        maxVersion: 9,
        flexibleSince: 99,
        request: { ...apiVersions.request, encode: () => undefined },
      },
      9,
      {},
    );
    const answer = decodeResponse(apiVersions, 0, await bench.run(frame));
    assert.equal(answer.errorCode, ErrorCode.UNSUPPORTED_VERSION);
    assert.deepEqual(answer.apiKeys, [{ apiKey: 18, minVersion: 0, maxVersion: 4 }]);
    assert.equal((await bench.run(client.call(apiVersions, 0, {}))).errorCode, 0, "the connection goes on");
  });

  test("refuses a client without a proper name", async () => {
    const { bench, client } = await start();
    for (const clientSoftwareName of ["", "-x", "a b"]) {
      const body = { clientSoftwareName, clientSoftwareVersion: "1" };
      const answer = await bench.run(client.call(apiVersions, 4, body));
      assert.equal(answer.errorCode, ErrorCode.INVALID_REQUEST);
      assert.equal(answer.apiKeys.length, 0);
    }
  });

  test("answers in order: what comes behind a waiting fetch waits with it", async () => {
    const { bench, client } = await start();
    await bench.broker.createTopic("t", { partitions: 1 });
    const order: string[] = [];
    const topics = [{ topic: "t", partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100 }] }];
    const waiting = client.call(fetch, 12, { maxWaitMs: 700, minBytes: 1, topics }).then(() => order.push("fetch"));
    const behind = client.call(metadata, 9, { topics: [] }).then(() => order.push("metadata"));
    await bench.time.advance(699);
    assert.deepEqual(order, []);
    await bench.run(Promise.all([waiting, behind]));
    assert.deepEqual(order, ["fetch", "metadata"]);
  });

  test("a client that goes away while its fetch waits leaves nothing behind", async () => {
    const { bench, client } = await start();
    await bench.broker.createTopic("t", { partitions: 1 });
    const topics = [{ topic: "t", partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100 }] }];
    void client.frame(fetch, 12, { maxWaitMs: 60_000, minBytes: 1, topics });
    await bench.time.advance(10);
    client.close();
    await assert.rejects(bench.run(new Promise(() => undefined)), VirtualDeadlockError, "no timer is left");
    assert.ok(bench.time.elapsed < 60_000);
    const other = await bench.connect();
    assert.equal((await bench.run(other.call(metadata, 9, { topics: null }))).topics.length, 1);
  });

  for (const [name, bytes, message] of [
    ["an API that it does not have", header(999, 0), /API 999/],
    ["a version that it does not have", header(3, 99), /Metadata version 99/],
    ["a Produce version below the lowest", header(0, 2), /Produce version 2/],
    ["a body that is cut short", header(3, 1, [0, 0]), /Metadata request v1/],
    ["bytes behind the body", header(3, 1, [0, 0, 0, 0, 7]), /1 bytes left over/],
    ["a count that no frame could hold", header(3, 1, [0x7f, 0xff, 0xff, 0xff]), /elements/],
    ["a frame larger than the limit", Uint8Array.of(0x7f, 0xff, 0xff, 0xff), /frame of 2147483647 bytes/],
    ["another protocol", new TextEncoder().encode("GET / HTTP/1.1\r\nHost: kafka\r\n\r\n"), /not Kafka/],
    ["a negative size", Uint8Array.of(0xff, 0xff, 0xff, 0xff), /frame of -1 bytes/],
    ["a frame too short for a header", Uint8Array.of(0, 0, 0, 3, 1, 2, 3), /wanted/],
  ] as const) {
    test(`closes at ${name}, says why, and serves others on`, async () => {
      const { bench, client, events } = await start();
      client.write(bytes);
      await bench.run(client.closed);
      assert.equal(events.length, 1);
      assert.equal(events[0]!.kind, "refused");
      assert.match(events[0]!.message, message);
      const other = await bench.connect();
      assert.equal((await bench.run(other.call(apiVersions, 0, {}))).errorCode, 0);
    });
  }

  test("closes when more waits behind a request than is sane", async () => {
    const { bench, client, events } = await start({ maxRequestBytes: 1000 });
    await bench.broker.createTopic("t", { partitions: 1 });
    const topics = [{ topic: "t", partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100 }] }];
    void client.frame(fetch, 12, { maxWaitMs: 60_000, minBytes: 1, topics });
    for (let i = 0; i < 100; i++)
      client.write(encodeRequest(metadata, 9, 100 + i, null, { topics: [{ name: "x".repeat(50) }] }));
    await bench.run(client.closed);
    assert.match(events[0]!.message, /wait behind/);
  });

  test("puts requests together that come byte by byte", async () => {
    const { bench, client } = await start();
    const answer = client.frame(metadata, 9, { topics: [] });
    const bytes = encodeRequest(metadata, 9, 77, null, { topics: [] });
    for (const byte of bytes) client.write(Uint8Array.of(byte));
    await bench.run(answer);
    assert.equal((await bench.run(client.call(metadata, 9, { topics: [] }))).topics.length, 0);
  });
});
