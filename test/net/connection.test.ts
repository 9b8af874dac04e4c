import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeResponse } from "../../protocol/frame.ts";
import { produce } from "../../protocol/messages/00-produce.ts";
import { heartbeat } from "../../protocol/messages/12-heartbeat.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { Connection } from "../../src/net/connection.ts";
import { ConnectionError, KafkaError, TimeoutError, UnsupportedVersionError } from "../../src/net/errors.ts";
import { MemoryNetwork } from "../../src/net/memory.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";
import {
  ALL_VERSIONS,
  connectionOptions,
  type Script,
  type ScriptedRequest,
  startScript,
  withVersions,
} from "../support/scripted-broker.ts";

const ok: Script = withVersions(ALL_VERSIONS, (request) => request.answer(heartbeat, { errorCode: 0 }));
/** Answers nothing but ApiVersions. */
const mute: Script = withVersions(ALL_VERSIONS, () => {});

function beat(connection: Connection, timeout?: number): Promise<{ errorCode: number }> {
  return connection.send(heartbeat, { groupId: "g", generationId: 1, memberId: "m" }, { timeout });
}

/** What the work fails with. */
async function failure(work: Promise<unknown>): Promise<KafkaError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof KafkaError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "it did not fail" });
}

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
  assert.match((await failure(bench.run(opening))).message, /not Kafka/);
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

test("requests are pipelined, and their answers find them in order", async () => {
  const waiting: ScriptedRequest[] = [];
  const bench = await startScript(withVersions(ALL_VERSIONS, (request) => void waiting.push(request)));
  const connection = await bench.run(bench.open());
  const answers = [1, 2, 3].map(() => beat(connection));
  assert.equal(connection.inFlight, 3);
  await bench.time.advance(1);
  assert.equal(waiting.length, 3, "all are on the wire before the first is answered");
  for (const [i, request] of waiting.entries()) request.answer(heartbeat, { errorCode: i });
  assert.deepEqual(
    (await bench.run(Promise.all(answers))).map(({ errorCode }) => errorCode),
    [0, 1, 2],
  );
  assert.equal(connection.inFlight, 0);
});

test("an answer in pieces, and two in one piece, are understood", async () => {
  const waiting: ScriptedRequest[] = [];
  const bench = await startScript(withVersions(ALL_VERSIONS, (request) => void waiting.push(request)));
  const connection = await bench.run(bench.open());
  const answers = [beat(connection), beat(connection)];
  await bench.time.advance(1);
  const bytes = [...waiting.flatMap((request, i) => [...request.encode(heartbeat, { errorCode: i })])];
  for (const byte of bytes.slice(0, 7)) waiting[0]!.stream.write(new Uint8Array([byte]));
  waiting[0]!.stream.write(new Uint8Array(bytes.slice(7)));
  assert.deepEqual(
    (await bench.run(Promise.all(answers))).map(({ errorCode }) => errorCode),
    [0, 1],
  );
});

test("a wrong correlation id ends the connection, and every waiter gets that first cause", async () => {
  const bench = await startScript(
    withVersions(
      ALL_VERSIONS,
      (request) => void request.stream.write(request.encode(heartbeat, {}, request.correlationId + 1)),
    ),
  );
  const connection = await bench.run(bench.open());
  const heard: KafkaError[] = [];
  connection.onClose((cause) => heard.push(cause));
  const errors = await bench.run(
    Promise.all([failure(beat(connection)), failure(beat(connection)), failure(beat(connection))]),
  );
  assert.match(errors[0]!.message, /broker:9092 answered out of turn: correlation id 2, where Heartbeat with 1 is due/);
  assert.equal(errors[0]!.broker, "broker:9092");
  assert.ok(errors.every((error) => error === errors[0]));
  assert.equal(await failure(beat(connection)), errors[0], "what is sent later gets it too");
  assert.throws(
    () => connection.sendOneWay(produce, {}),
    (error) => error === errors[0],
  );
  connection.close();
  assert.equal(connection.cause, errors[0]);
  connection.onClose((cause) => heard.push(cause));
  assert.deepEqual(heard, [errors[0], errors[0]]);
});

test("an answer to nothing that was asked ends the connection", async () => {
  const bench = await startScript(ok);
  const connection = await bench.run(bench.open());
  bench.requests[0]!.answer(heartbeat, {});
  await bench.time.advance(1);
  assert.match(connection.cause!.message, /nothing was asked/);
});

test("a frame that is larger than believed ends the connection", async () => {
  const bench = await startScript(
    withVersions(ALL_VERSIONS, ({ stream }) => void stream.write(new Uint8Array([0x7f, 0, 0, 0]))),
  );
  const connection = await bench.run(bench.open());
  assert.match((await failure(bench.run(beat(connection)))).message, /broker:9092.*2130706432 bytes.*not Kafka/);
});

test("an answer that cannot be decoded ends the connection and rejects what follows", async () => {
  const bench = await startScript(
    withVersions(ALL_VERSIONS, ({ correlationId, stream }) => {
      const frame = new Uint8Array(9);
      new DataView(frame.buffer).setInt32(0, 5);
      new DataView(frame.buffer).setInt32(4, correlationId);
      stream.write(frame);
    }),
  );
  const connection = await bench.run(bench.open());
  const [first, second] = await bench.run(Promise.all([failure(beat(connection)), failure(beat(connection))]));
  assert.equal(first, connection.cause);
  assert.equal(second, first);
  assert.ok(first!.retriable);
});

test("a request that cannot be written is refused by name, and the connection goes on", async () => {
  const bench = await startScript(ok);
  const connection = await bench.run(bench.open());
  const error = await failure(connection.send(heartbeat, { groupId: 5 as never, generationId: 1, memberId: "m" }));
  assert.equal(error.code, "ENCODE_FAILED");
  assert.equal(error.retriable, false);
  assert.match(error.message, /Heartbeat/);
  assert.equal((await bench.run(beat(connection))).errorCode, 0);
});

test("a late reply after a timeout finds its place, and the connection stays in step", async () => {
  const bench = await startScript(
    withVersions(ALL_VERSIONS, (request) => {
      const delay = request.correlationId === 1 ? 900 : 0;
      bench.clock.timer(delay, () => request.answer(heartbeat, { errorCode: request.correlationId }));
    }),
  );
  const connection = await bench.run(bench.open());
  const error = await failure(bench.run(beat(connection, 300)));
  assert.ok(error instanceof TimeoutError);
  assert.match(error.message, /broker:9092 did not answer Heartbeat within 300 ms/);
  await bench.time.advance(600);
  assert.equal(connection.inFlight, 0, "the late reply was taken");
  assert.equal((await bench.run(beat(connection, 300))).errorCode, 2);
  assert.equal(connection.cause, undefined);
});

test("what follows a late reply is answered as if nothing had been", async () => {
  const waiting: ScriptedRequest[] = [];
  const bench = await startScript(withVersions(ALL_VERSIONS, (request) => void waiting.push(request)));
  const connection = await bench.run(bench.open());
  const first = failure(beat(connection, 300));
  const others = [beat(connection, 5_000), beat(connection, 5_000)];
  await bench.time.advance(900);
  assert.equal((await first).code, "REQUEST_TIMED_OUT");
  assert.equal(connection.inFlight, 3, "its place is kept");
  for (const [i, request] of waiting.entries()) request.answer(heartbeat, { errorCode: i });
  assert.deepEqual(
    (await bench.run(Promise.all(others))).map(({ errorCode }) => errorCode),
    [1, 2],
  );
  assert.equal(connection.cause, undefined);
});

test("a broker that is silent for a request's whole time is taken for gone", async () => {
  const bench = await startScript(mute);
  const connection = await bench.run(bench.open());
  await bench.time.advance(600_000);
  assert.equal(connection.cause, undefined, "while it owes nothing it may be silent");
  const [first, second] = await bench.run(
    Promise.all([failure(beat(connection, 2_000)), failure(beat(connection, 60_000))]),
  );
  assert.equal(first!.code, "REQUEST_TIMED_OUT");
  assert.equal(second, first);
  assert.equal(connection.cause, first);
});

test("a request's short time alone does not end what others wait for", async () => {
  const bench = await startScript(mute);
  const connection = await bench.run(bench.open());
  const long = beat(connection, 60_000);
  const short = await failure(bench.run(beat(connection, 1)));
  assert.equal(short.code, "REQUEST_TIMED_OUT");
  assert.equal(connection.cause, undefined);
  bench.requests[1]!.answer(heartbeat, { errorCode: 3 });
  assert.equal((await bench.run(long)).errorCode, 3);
});

test("a broker that is only slow keeps its connection", async () => {
  const waiting: ScriptedRequest[] = [];
  const bench = await startScript(withVersions(ALL_VERSIONS, (request) => void waiting.push(request)));
  const connection = await bench.run(bench.open());
  const first = beat(connection, 20_000);
  const second = failure(beat(connection, 10_000));
  await bench.time.advance(6_000);
  waiting[0]!.answer(heartbeat, {});
  await bench.run(first);
  await bench.time.advance(4_000);
  assert.equal((await second).code, "REQUEST_TIMED_OUT");
  assert.equal(connection.cause, undefined);
});

test("the stream holds the process only while somebody awaits an answer", async () => {
  const bench = await startScript(mute);
  const held: boolean[] = [];
  const { transport } = connectionOptions(bench.network, bench.clock);
  const watched: typeof transport = {
    connect: async (...args) => {
      const stream = await transport.connect(...args);
      stream.hold = (active) => void held.push(active);
      return stream;
    },
  };
  const connection = await bench.run(bench.open({ transport: watched }));
  assert.deepEqual(held.splice(0), [true, false]);
  const first = beat(connection);
  const second = failure(beat(connection, 100));
  assert.deepEqual(held.splice(0), [true]);
  await bench.time.advance(100);
  await second;
  assert.deepEqual(held, [], "one is still awaited");
  bench.requests[1]!.answer(heartbeat, {});
  await bench.run(first);
  assert.deepEqual(held, [false], "the one that timed out is not, though its place is kept");
  assert.equal(connection.inFlight, 1);
});

test("a request without an answer takes no place, and the next one's answer is its own", async () => {
  const bench = await startScript(
    withVersions(ALL_VERSIONS, (request) => {
      if (request.apiKey === heartbeat.key) request.answer(heartbeat, { errorCode: 7 });
    }),
  );
  const connection = await bench.run(bench.open());
  connection.sendOneWay(produce, { acks: 0, timeoutMs: 1, topicData: [] });
  connection.sendOneWay(produce, { acks: 0, timeoutMs: 1, topicData: [] });
  assert.equal(connection.inFlight, 0);
  assert.equal((await bench.run(beat(connection))).errorCode, 7);
  assert.deepEqual(
    bench.requests.map(({ correlationId }) => correlationId),
    [0, 1, 2, 3],
  );
});

test("close lets what wants no answer go out, and rejects what waits for one", async () => {
  const bench = await startScript(mute);
  const connection = await bench.run(bench.open());
  connection.sendOneWay(produce, { acks: 0, timeoutMs: 1, topicData: [] });
  connection.close();
  await bench.time.advance(1);
  assert.equal(bench.requests.at(-1)!.apiKey, produce.key);
  const other = await bench.run(bench.open());
  const waiting = failure(beat(other));
  other.close();
  assert.match((await waiting).message, /broker:9092 was closed/);
  assert.ok(other.cause instanceof ConnectionError);
});

test("a connection that the broker closes gives every waiter the same cause", async () => {
  const bench = await startScript(mute);
  const connection = await bench.run(bench.open());
  const waiting = Promise.all([failure(beat(connection)), failure(beat(connection))]);
  bench.streams[0]!.destroy();
  const [first, second] = await bench.run(waiting);
  assert.equal(first, second);
  assert.match(first!.message, /connection to broker:9092 ended: the broker closed the connection$/);
});
