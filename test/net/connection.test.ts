import assert from "node:assert/strict";
import { test } from "node:test";
import { produce } from "../../protocol/messages/00-produce.ts";
import { heartbeat } from "../../protocol/messages/12-heartbeat.ts";
import { ConnectionError, type KafkaError, TimeoutError } from "../../src/net/errors.ts";
import { beat, failure, mute, ok } from "../support/connection-peers.ts";
import {
  ALL_VERSIONS,
  connectionOptions,
  type ScriptedRequest,
  startScript,
  withVersions,
} from "../support/scripted-broker.ts";

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

test("a late reply after a timeout finds its place, and the connection stays in step (what closes platformatic's connections)", async () => {
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
  const bench = await startScript(
    withVersions(ALL_VERSIONS, (request) => {
      if (request.correlationId === 1) request.answer(heartbeat, {});
    }),
  );
  const connection = await bench.run(bench.open());
  await bench.run(beat(connection));
  const waiting = Promise.all([failure(beat(connection)), failure(beat(connection))]);
  bench.streams[0]!.destroy();
  const [first, second] = await bench.run(waiting);
  assert.equal(first, second);
  assert.match(first!.message, /connection to broker:9092 ended: the broker closed the connection$/);
});

test("a broker that closes at the first request may want SASL, and the error says so", async () => {
  const bench = await startScript(withVersions(ALL_VERSIONS, (request) => request.stream.destroy()));
  const connection = await bench.run(bench.open());
  assert.match((await bench.run(failure(beat(connection)))).message, /at the first request: it may want SASL/);
});
