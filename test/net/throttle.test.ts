import assert from "node:assert/strict";
import { test } from "node:test";
import { produce } from "../../protocol/messages/00-produce.ts";
import { heartbeat } from "../../protocol/messages/12-heartbeat.ts";
import { beat, failure } from "../support/connection-peers.ts";
import { ALL_VERSIONS, type ScriptedRequest, startScript, withVersions } from "../support/scripted-broker.ts";

test("a connection sends nothing for as long as the broker says, and tells of it (KIP-219)", async () => {
  const asked: ScriptedRequest[] = [];
  const bench = await startScript(withVersions(ALL_VERSIONS, (request) => void asked.push(request)));
  const told: [string, number][] = [];
  const observer = {
    sent() {},
    silent() {},
    answered() {},
    failed() {},
    throttled: (api: string, ms: number) => told.push([api, ms]),
  };
  const connection = await bench.run(bench.open({ observer }));
  const [first, second] = [beat(connection), beat(connection)];
  await bench.time.advance(1);
  asked[0]!.answer(heartbeat, { throttleTimeMs: 5_000 });
  await bench.run(first);
  const later = beat(connection, 30_000);
  connection.sendOneWay(produce, { acks: 0, timeoutMs: 1, topicData: [] });
  await bench.time.advance(4_990);
  assert.equal(asked.length, 2, "what was sent already is still answered, and nothing new is sent");
  asked[1]!.answer(heartbeat, { throttleTimeMs: 0 });
  await bench.run(second);
  await bench.time.advance(11);
  assert.deepEqual(
    asked.slice(2).map(({ apiKey }) => apiKey),
    [heartbeat.key, produce.key],
  );
  asked[2]!.answer(heartbeat, {});
  await bench.run(later);
  assert.deepEqual(told, [["Heartbeat", 5_000]]);
});

test("pauses that overlap end with the last of them", async () => {
  const asked: ScriptedRequest[] = [];
  const bench = await startScript(withVersions(ALL_VERSIONS, (request) => void asked.push(request)));
  const connection = await bench.run(bench.open());
  const both = [beat(connection), beat(connection)];
  await bench.time.advance(1);
  asked[0]!.answer(heartbeat, { throttleTimeMs: 1_000 });
  asked[1]!.answer(heartbeat, { throttleTimeMs: 300 });
  await bench.run(Promise.all(both));
  const later = beat(connection);
  await bench.time.advance(900);
  assert.equal(asked.length, 2);
  await bench.time.advance(101);
  assert.equal(asked.length, 3);
  asked[2]!.answer(heartbeat, {});
  await bench.run(later);
});

test("a request whose time ends in a pause is never sent, and the connection is not taken for dead", async () => {
  const asked: ScriptedRequest[] = [];
  const bench = await startScript(withVersions(ALL_VERSIONS, (request) => void asked.push(request)));
  const connection = await bench.run(bench.open());
  const first = beat(connection);
  await bench.time.advance(1);
  asked[0]!.answer(heartbeat, { throttleTimeMs: 60_000 });
  await bench.run(first);
  assert.equal((await bench.run(failure(beat(connection, 5_000)))).code, "REQUEST_TIMED_OUT");
  await bench.time.advance(60_000);
  assert.equal(asked.length, 1);
  assert.equal(connection.cause, undefined);
  assert.equal(connection.inFlight, 0);
});
