import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { defaultOf, type Field, type Kind, ZERO_UUID } from "../../protocol/field.ts";
import { decodeResponse, encodeResponse } from "../../protocol/frame.ts";
import { type ProduceResponse, produce } from "../../protocol/messages/00-produce.ts";
import { type FetchResponse, fetch } from "../../protocol/messages/01-fetch.ts";
import { metadata } from "../../protocol/messages/03-metadata.ts";
import { joinGroup } from "../../protocol/messages/11-join-group.ts";
import { heartbeat } from "../../protocol/messages/12-heartbeat.ts";
import { handlers } from "../../src/broker/handlers/handlers.ts";
import { type Bench, batchOf, type RawClient, startBench } from "./raw-client.ts";

async function start(nodes = 1): Promise<{ bench: Bench; client: RawClient }> {
  const bench = await startBench({ nodes });
  await bench.broker.createTopic("t", { partitions: 1 });
  return { bench, client: await bench.connect() };
}

function send(client: RawClient, bench: Bench): Promise<ProduceResponse> {
  const records = batchOf([[null, "a"]], bench.clock.now());
  const topicData = [{ name: "t", partitionData: [{ index: 0, records }] }];
  return client.call(produce, 12, { acks: -1, timeoutMs: 1000, topicData });
}

function stored(bench: Bench): number {
  return bench.broker.topics()[0]!.partitions[0]!.logEndOffset;
}

const ask = (client: RawClient): Promise<unknown> => client.call(metadata, 12, { topics: [] });

/** A request with one of everything. */
function sample(type: Kind, version: number): unknown {
  if (type.kind === "array") return [sample(type.element, version)];
  if (type.kind !== "struct") return type.kind === "string" ? "x" : type.kind === "uuid" ? ZERO_UUID : 1;
  const has = ({ rules }: Field<never>): boolean => version >= rules.since && version <= rules.until;
  const absent = (field: Field<never>): unknown => (field.type.kind === "array" ? [] : defaultOf(field));
  return Object.fromEntries(
    type.fields.map(([name, field]) => [name, has(field) ? sample(field.type, version) : absent(field)]),
  );
}

describe("faults", () => {
  test("delay holds a request back, as often as it was told", async () => {
    const { bench, client } = await start();
    const fault = bench.broker.faults.delay({ api: "Produce", ms: 500, times: 2 });
    const before = bench.time.elapsed;
    await bench.run(send(client, bench));
    await bench.run(send(client, bench));
    await bench.run(send(client, bench));
    assert.equal(bench.time.elapsed - before, 1000);
    assert.equal(fault.used, 2);
  });

  test("throttle answers at once, and then looks at nothing for as long as it said", async () => {
    const { bench, client } = await start();
    const fault = bench.broker.faults.throttle({ api: "Produce", ms: 700 });
    const before = bench.time.elapsed;
    const answer = await bench.run(send(client, bench));
    assert.equal(answer.throttleTimeMs, 700);
    assert.equal(answer.responses[0]!.partitionResponses[0]!.errorCode, 0, "it took effect");
    assert.equal(bench.time.elapsed - before, 0, "the answer does not wait");
    await bench.run(ask(client));
    assert.equal(bench.time.elapsed - before, 700, "what comes next does");
    assert.equal(fault.used, 1);
    assert.equal((await bench.run(send(client, bench))).throttleTimeMs, 0);
  });

  test("a throttled fetch is answered without its partitions, and its session goes on", async () => {
    const { bench, client } = await start();
    await bench.run(send(client, bench));
    const topics = [{ topic: "t", partitions: [{ fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }];
    const ask = (sessionId: number, sessionEpoch: number): Promise<FetchResponse> =>
      bench.run(
        client.call(fetch, 12, { minBytes: 1, sessionId, sessionEpoch, topics: sessionId === 0 ? topics : [] }),
      );
    bench.broker.faults.throttle({ api: "Fetch", ms: 50, times: 2 });
    for (const epoch of [0, -1]) {
      const full = await ask(0, epoch);
      assert.deepEqual([full.errorCode, full.throttleTimeMs, full.sessionId, full.responses], [0, 50, 0, []]);
    }
    const { sessionId } = await ask(0, 0);
    bench.broker.faults.throttle({ api: "Fetch", ms: 50 });
    const throttled = await ask(sessionId, 1);
    assert.deepEqual([throttled.throttleTimeMs, throttled.sessionId, throttled.responses], [50, sessionId, []]);
    assert.ok((await ask(sessionId, 2)).responses[0]!.partitions[0]!.records!.length > 0);
  });

  test("drop never answers, before or after the request took effect", async () => {
    for (const when of ["beforeApply", "afterApply"] as const) {
      const { bench, client } = await start();
      bench.broker.faults.drop({ api: "Produce", when });
      void send(client, bench).then(() => assert.fail("an answer came"));
      void ask(client).then(() => assert.fail("what comes behind was answered"));
      await bench.time.advance(1_000_000);
      assert.equal(stored(bench), when === "afterApply" ? 1 : 0);
      await bench.run(ask(await bench.connect()));
    }
  });

  test("cut closes in the middle of the answer, after the request took effect", async () => {
    const { bench, client } = await start();
    bench.broker.faults.cut({ api: "Produce" });
    void send(client, bench);
    await bench.run(client.closed);
    assert.equal(stored(bench), 1);
    assert.ok(client.received > 0, "a part of the answer came");
  });

  test("cut before it took effect closes without a byte", async () => {
    const { bench, client } = await start();
    bench.broker.faults.cut({ api: "Produce", when: "beforeApply" });
    void send(client, bench);
    await bench.run(client.closed);
    assert.equal(stored(bench), 0);
    assert.equal(client.received, 0);
  });

  test("fail answers with the error, also where the request took effect", async () => {
    const { bench, client } = await start();
    const errorCode = ErrorCode.REQUEST_TIMED_OUT;
    for (const when of ["beforeApply", "afterApply"] as const) {
      bench.broker.faults.fail({ api: "Produce", errorCode, when });
      const answer = await bench.run(send(client, bench));
      assert.equal(answer.responses[0]!.partitionResponses[0]!.errorCode, errorCode);
      assert.equal(stored(bench), when === "afterApply" ? 1 : 0);
    }
    assert.equal((await bench.run(send(client, bench))).responses[0]!.partitionResponses[0]!.errorCode, 0);
  });

  test("every API can answer with an error in every version", () => {
    for (const { api, fail } of handlers.values()) {
      for (let version = api.minVersion; version <= api.maxVersion; version++) {
        const body = sample(api.request.field.type, version);
        const frame = encodeResponse(api, version, 1, fail(body, 7, version)!);
        const answer = decodeResponse(api, version, frame.subarray(4));
        assert.match(JSON.stringify(answer), /[eE]rrorCode":7/, `${api.name} v${version}`);
      }
    }
  });

  test("meet only what they are meant for", async () => {
    const { bench, client } = await start(2);
    const other = await bench.connect(2, "other");
    const { faults } = bench.broker;
    const errorCode = ErrorCode.UNKNOWN_SERVER_ERROR;
    faults.fail({
      api: "Heartbeat",
      node: 2,
      where: ({ clientId }) => clientId === "other",
      errorCode,
      times: Number.POSITIVE_INFINITY,
    });
    const who = { groupId: "g", memberId: "m", generationId: 1 };
    const codes = async (): Promise<number[]> => {
      const answers = await bench.run(Promise.all([client, other].map((one) => one.call(heartbeat, 4, who))));
      return answers.map((answer) => answer.errorCode);
    };
    const [, met] = await codes();
    assert.equal(met, errorCode);
    assert.notEqual((await codes())[0], errorCode);
    faults.clear();
    assert.notEqual((await codes())[1], errorCode);
  });

  test("can be cancelled, and refuse what does not exist", async () => {
    const { bench, client } = await start();
    const { faults } = bench.broker;
    faults.fail({ api: "Produce", errorCode: 7 }).cancel();
    assert.equal((await bench.run(send(client, bench))).responses[0]!.partitionResponses[0]!.errorCode, 0);
    assert.throws(() => faults.drop({ api: "produce" }), /there is no API produce/);
    assert.throws(() => faults.disconnect(9), /there is no node 9/);
    assert.throws(() => faults.moveLeader("t", 9, 1), /no partition 9/);
    assert.throws(() => faults.expireSession("none"), /no group none/);
  });

  test("a delay and a failure may meet the same request", async () => {
    const { bench, client } = await start();
    bench.broker.faults.delay({ ms: 100 });
    bench.broker.faults.fail({ errorCode: 7 });
    const before = bench.time.elapsed;
    assert.equal((await bench.run(send(client, bench))).responses[0]!.partitionResponses[0]!.errorCode, 7);
    assert.equal(bench.time.elapsed - before, 100);
  });

  test("disconnect closes all connections, and new ones may come", async () => {
    const { bench, client } = await start(2);
    const other = await bench.connect(2);
    bench.broker.faults.disconnect(1);
    await bench.run(client.closed);
    await bench.run(ask(other));
    bench.broker.faults.disconnect();
    await bench.run(other.closed);
    await bench.run(ask(await bench.connect(2)));
  });

  test("moveLeader wakes a waiting fetch, which learns of it", async () => {
    const { bench } = await start(2);
    const leader = bench.broker.topics()[0]!.partitions[0]!.leaderId;
    const client = await bench.connect(leader);
    const wanted = { partition: 0, fetchOffset: 0, partitionMaxBytes: 100, currentLeaderEpoch: 0 };
    const topics = [{ topic: "t", partitions: [wanted] }];
    const waiting = client.call(fetch, 12, { maxWaitMs: 60_000, minBytes: 1, topics });
    await bench.time.advance(10);
    bench.broker.faults.moveLeader("t", 0, 3 - leader);
    const part = (await bench.run(waiting)).responses[0]!.partitions[0]!;
    // The node still has a replica, and would serve a consumer that does not say whom it takes for the leader.
    assert.equal(part.errorCode, ErrorCode.FENCED_LEADER_EPOCH);
    assert.deepEqual(part.currentLeader, { leaderId: 3 - leader, leaderEpoch: 1 });
    assert.ok(bench.time.elapsed < 60_000);
  });

  test("a topic that is deleted wakes a waiting fetch", async () => {
    const { bench, client } = await start();
    const topics = [{ topic: "t", partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100 }] }];
    const waiting = client.call(fetch, 12, { maxWaitMs: 60_000, minBytes: 1, topics });
    await bench.time.advance(10);
    await bench.broker.deleteTopic("t");
    const part = (await bench.run(waiting)).responses[0]!.partitions[0]!;
    assert.equal(part.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });

  test("stop takes a node down, and start brings it back with what it had", async () => {
    const { bench } = await start(2);
    const leader = bench.broker.topics()[0]!.partitions[0]!.leaderId;
    const client = await bench.connect(leader);
    await bench.run(send(client, bench));
    const stopped = bench.broker.faults.stop(leader);
    await bench.run(Promise.all([stopped, client.closed]));
    await assert.rejects(bench.connect(leader), /ECONNREFUSED/);
    const [partition] = bench.broker.topics()[0]!.partitions;
    assert.deepEqual([partition!.leaderId, partition!.leaderEpoch], [3 - leader, 1]);
    const rest = await bench.connect(3 - leader);
    const seen = await bench.run(rest.call(metadata, 12, { topics: null }));
    assert.equal(seen.brokers.length, 1);
    assert.deepEqual(seen.topics[0]!.partitions[0]!.isrNodes, [3 - leader]);
    await bench.run(send(rest, bench));
    await bench.broker.faults.start(leader);
    await bench.run(ask(await bench.connect(leader)));
    assert.equal(stored(bench), 2);
  });

  test("a partition whose only node is down has no leader until it is back", async () => {
    const { bench } = await start(2);
    await bench.broker.createTopic("single", { partitions: 1, replicationFactor: 1 });
    const holder = bench.broker.topics()[0]!.partitions[0]!.leaderId;
    await bench.broker.faults.stop(holder);
    assert.throws(() => bench.broker.faults.moveLeader("single", 0, holder), /is down/);
    const rest = await bench.connect(3 - holder);
    const [topic] = (await bench.run(rest.call(metadata, 12, { topics: [{ name: "single" }] }))).topics;
    assert.equal(topic!.partitions[0]!.errorCode, ErrorCode.LEADER_NOT_AVAILABLE);
    assert.deepEqual(topic!.partitions[0]!.offlineReplicas, [holder]);
    await bench.broker.faults.start(holder);
    assert.equal(bench.broker.topics()[0]!.partitions[0]!.leaderId, holder);
  });

  test("expireSession ends a member's session", async () => {
    const { bench, client } = await start();
    const protocols = [{ name: "range", metadata: Uint8Array.of(1) }];
    const joining = {
      groupId: "g",
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      protocolType: "consumer",
      protocols,
    };
    const { memberId } = await bench.run(client.call(joinGroup, 3, joining));
    assert.throws(() => bench.broker.faults.expireSession("g", "x"), /no member x/);
    bench.broker.faults.expireSession("g", memberId);
    const answer = await bench.run(client.call(heartbeat, 4, { groupId: "g", memberId, generationId: 1 }));
    assert.equal(answer.errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("requests are seen before they are handled", async () => {
    const { bench, client } = await start();
    const seen: string[] = [];
    const stop = bench.broker.observe((request) => seen.push(`${request.api} ${request.version} ${stored(bench)}`));
    const next = bench.broker.nextRequest({ api: "Produce", where: ({ nodeId }) => nodeId === 1 });
    await bench.run(ask(client));
    await bench.run(send(client, bench));
    assert.deepEqual(seen, ["Metadata 12 0", "Produce 12 0"]);
    const request = await next;
    assert.equal(request.clientId, "raw");
    assert.equal((request.body as { acks: number }).acks, -1);
    stop();
    await bench.run(ask(client));
    assert.equal(seen.length, 2);
  });
});
