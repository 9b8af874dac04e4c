import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeResponse } from "../../protocol/frame.ts";
import { produce } from "../../protocol/messages/00-produce.ts";
import { heartbeat } from "../../protocol/messages/12-heartbeat.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { Connection } from "../../src/net/connection.ts";
import { TimeoutError, UnsupportedVersionError } from "../../src/net/errors.ts";
import { MemoryNetwork } from "../../src/net/memory.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";
import { beat, failure, ok } from "../support/connection-peers.ts";
import { connectionOptions, startScript, withVersions } from "../support/scripted-broker.ts";

test("open agrees on versions, and each request then has the highest that both have", async () => {
  const bench = await startScript(
    withVersions([[heartbeat.key, 0, 3]], (request) => request.answer(heartbeat, { errorCode: 27 })),
  );
  const connection = await bench.run(bench.open());
  assert.equal(bench.requests[0]!.version, apiVersions.maxVersion);
  assert.equal((await bench.run(beat(connection))).errorCode, 27);
  assert.equal(bench.requests[1]!.version, 3);
  assert.equal(connection.supports(produce), false);
  assert.equal(connection.supports(heartbeat), true);
  assert.equal(connection.broker, "broker:9092");
  assert.equal(connection.cause, undefined);
});

test("open falls back to the version that an older broker names (error 35)", async () => {
  const bench = await startScript((request) => {
    if (request.version > 1) {
      const body = { errorCode: 35, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 1 }] };
      request.stream.write(encodeResponse(apiVersions, 0, request.correlationId, body));
    } else ok(request);
  });
  await bench.run(bench.open());
  assert.deepEqual(
    bench.requests.map(({ version }) => version),
    [apiVersions.maxVersion, 1],
  );
});

test("open falls back to version 0 where the refusal names none", async () => {
  const bench = await startScript((request) => {
    if (request.version > 0)
      request.stream.write(encodeResponse(apiVersions, 0, request.correlationId, { errorCode: 35 }));
    else ok(request);
  });
  await bench.run(bench.open());
  assert.deepEqual(
    bench.requests.map(({ version }) => version),
    [apiVersions.maxVersion, 0],
  );
});

test("open rejects where the broker refuses to name its versions", async () => {
  const bench = await startScript((request) => request.answer(apiVersions, { errorCode: 58 }));
  const error = await failure(bench.run(bench.open()));
  assert.match(error.message, /broker:9092.*refused.*58/);
});

test("a request in a version that the broker lacks is refused with both ranges, and the connection goes on", async () => {
  const bench = await startScript(withVersions([[heartbeat.key, 90, 91]], () => {}));
  const connection = await bench.run(bench.open());
  const error = await failure(beat(connection));
  assert.ok(error instanceof UnsupportedVersionError);
  assert.match(error.message, /broker:9092.*Heartbeat.*90 to 91/);
  assert.equal(connection.cause, undefined);
});

test("a host that speaks HTTP is told from a broker", async () => {
  const bench = await startScript(() => {});
  const opening = bench.open();
  await bench.time.advance(1);
  bench.streams[0]!.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"));
  const error = await failure(bench.run(opening));
  assert.equal(error.code, "CONNECTION_FAILED");
  assert.match(error.message, /broker:9092.*not Kafka/);
});

test("a host that answers with a TLS alert is told from a broker", async () => {
  const bench = await startScript(() => {});
  const opening = bench.open({ maxFrameBytes: 1 << 30 });
  await bench.time.advance(1);
  bench.streams[0]!.write(new Uint8Array([0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46]));
  const error = await failure(bench.run(opening));
  assert.equal(error.code, "TLS_REQUIRED");
  assert.equal(error.retriable, false);
  assert.match(error.message, /broker:9092 speaks TLS/);
});

test("a host that closes before it names its versions: the error says what that may mean", async () => {
  const bench = await startScript((request) => request.stream.destroy());
  const error = await failure(bench.run(bench.open()));
  assert.match(error.message, /broker:9092 ended.*TLS or SASL/);
});

test("open is given up after its timeout, whether nobody accepts, answers, or heeds the signal", async () => {
  const bench = await startScript(() => {});
  const noAnswer = await failure(bench.run(bench.open()));
  assert.ok(noAnswer instanceof TimeoutError);
  assert.equal(noAnswer.code, "CONNECT_TIMED_OUT");
  assert.equal(bench.time.elapsed, 10_000);
  const deaf = { connect: () => new Promise<never>(() => {}) };
  const noStream = await failure(bench.run(bench.open({ transport: deaf })));
  assert.equal(noStream.code, "CONNECT_TIMED_OUT");
  assert.match(noStream.message, /broker:9092 within 10000 ms/);
});

test("open rejects with the reason of a refused connect, and leaves no timer", async () => {
  const time = new VirtualClock();
  const options = connectionOptions(new MemoryNetwork(), time.instance());
  const error = await failure(time.run(Connection.open(options)));
  assert.match(error.message, /broker:9092.*ECONNREFUSED/);
  assert.equal(error.broker, "broker:9092");
  assert.ok(error.retriable);
  assert.equal(time.elapsed, 0);
});

test("open is given up at once when its signal aborts, and a stream that comes late is closed", async () => {
  const bench = await startScript(ok);
  const abort = new AbortController();
  let destroyed = false;
  let give!: () => void;
  const late = {
    connect: () =>
      new Promise<never>((resolve) => {
        const stream = { write: () => true, end() {}, hold() {}, destroy: () => (destroyed = true) };
        give = () => resolve(stream as never);
      }),
  };
  const opening = bench.open({ transport: late, signal: abort.signal });
  abort.abort();
  assert.match((await failure(opening)).message, /given up/);
  give();
  await bench.time.advance(1);
  assert.equal(destroyed, true);
  assert.match((await failure(bench.open({ signal: abort.signal }))).message, /given up/);
});

test("errors without words of their own are told by those they hold", async () => {
  const bench = await startScript(ok);
  const both = new AggregateError([
    new Error("connect ECONNREFUSED ::1:9092"),
    new Error("connect ECONNREFUSED 127.0.0.1:9092"),
  ]);
  const error = await failure(bench.open({ transport: { connect: () => Promise.reject(both) } }));
  assert.match(error.message, /::1:9092, connect ECONNREFUSED 127\.0\.0\.1/);
  assert.equal(error.cause, both);
});
