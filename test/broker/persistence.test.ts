import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { produce } from "../../protocol/messages/00-produce.ts";
import { fetch, type PartitionData } from "../../protocol/messages/01-fetch.ts";
import { offsetCommit } from "../../protocol/messages/08-offset-commit.ts";
import { joinGroup } from "../../protocol/messages/11-join-group.ts";
import { heartbeat } from "../../protocol/messages/12-heartbeat.ts";
import { syncGroup } from "../../protocol/messages/14-sync-group.ts";
import { initProducerId } from "../../protocol/messages/22-init-producer-id.ts";
import { consumerGroupHeartbeat } from "../../protocol/messages/68-consumer-group-heartbeat.ts";
import type { FeatureLevels } from "../../src/broker/features.ts";
import { MemoryStorage } from "../support/memory-storage.ts";
import { RawTransactions } from "../support/raw-transactions.ts";
import { type Bench, batchOf, type RawClient, startBench } from "./raw-client.ts";
import { fetchRequest, NAMED, produceTo, text, values } from "./records-bench.ts";
import { benchWire } from "./transaction-bench.ts";

interface Running {
  readonly storage: MemoryStorage;
  readonly bench: Bench;
  readonly client: RawClient;
}

async function start(
  storage: MemoryStorage = new MemoryStorage(),
  features: FeatureLevels | undefined = undefined,
): Promise<Running> {
  const bench = await startBench({ storage, features });
  return { storage, bench, client: await bench.connect() };
}

/** The next process, after this one was killed. */
function restart({ storage }: Running): Promise<Running> {
  return start(storage.copy());
}

async function startWithTopic(): Promise<Running> {
  const running = await start();
  await running.bench.broker.createTopic("t", { partitions: 1 });
  return running;
}

async function read({ bench, client }: Running, isolationLevel = 0, fetchOffset = 0): Promise<PartitionData> {
  const request = fetchRequest([{ fetchOffset }], { isolationLevel });
  const answer = await bench.run(client.call(fetch, NAMED, request));
  return answer.responses[0]!.partitions[0]!;
}

describe("a broker with storage", () => {
  test("has its cluster id, topics, settings and records again", async () => {
    const first = await start();
    await first.bench.broker.createTopic("t", { partitions: 2, configs: { "retention.ms": "5000" } });
    await first.bench.broker.createTopic("gone", { partitions: 1 });
    await produceTo(first.client, first.bench, batchOf(text("a", "b"), first.bench.clock.now()));
    await produceTo(first.client, first.bench, batchOf(text("x"), 1), { topic: "gone" });
    await first.bench.broker.deleteTopic("gone");
    await first.bench.broker.deleteRecords("t", 0, 1);
    const second = await restart(first);
    const [topic, ...others] = second.bench.broker.topics();
    assert.deepEqual(others, []);
    const before = first.bench.broker.topics()[0]!;
    assert.deepEqual([topic!.id, topic!.configs], [before.id, { "retention.ms": "5000" }]);
    assert.deepEqual(
      topic!.partitions.map(({ logStartOffset, logEndOffset }) => [logStartOffset, logEndOffset]),
      [
        [1, 2],
        [0, 0],
      ],
    );
    assert.ok(topic!.partitions[0]!.leaderEpoch > before.partitions[0]!.leaderEpoch, "nobody led in this epoch before");
    assert.deepEqual(values(await read(second, 0, 1), 1), ["1:b"]);
    assert.ok([...second.storage.files.keys()].every((path) => !path.includes("topics/") || path.includes(topic!.id)));
    assert.equal((await produceTo(second.client, second.bench, batchOf(text("c"), 1))).baseOffset, 2);
  });

  test("removes what is left of a topic whose deletion was cut short", async () => {
    const first = await startWithTopic();
    await produceTo(first.client, first.bench, batchOf(text("a"), 1));
    const files = first.storage.copy();
    await first.bench.broker.deleteTopic("t");
    for (const [path, bytes] of files.files) if (path.startsWith("topics/")) first.storage.files.set(path, bytes);
    const second = await restart(first);
    assert.deepEqual(second.bench.broker.topics(), []);
    assert.ok([...second.storage.files.keys()].every((path) => !path.startsWith("topics/")));
  });

  test("knows a repeated batch for what it is, and goes on with the producer's sequence", async () => {
    const first = await startWithTopic();
    const { bench, client } = first;
    const { producerId } = await bench.run(client.call(initProducerId, 4, { transactionalId: null }));
    const send = (running: Running, baseSequence: number): ReturnType<typeof produceTo> => {
      const stamp = { producerId, producerEpoch: 0, baseSequence, transactional: false };
      return produceTo(running.client, running.bench, batchOf(text("a", "b"), bench.clock.now(), stamp));
    };
    for (const sequence of [0, 2, 4]) await send(first, sequence);
    const second = await restart(first);
    assert.deepEqual([(await send(second, 2)).errorCode, (await send(second, 2)).baseOffset], [0, 2]);
    assert.equal((await send(second, 8)).errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert.equal((await send(second, 6)).baseOffset, 6);
    const next = await second.bench.run(second.client.call(initProducerId, 4, { transactionalId: null }));
    assert.ok(next.producerId > producerId, "no id is given twice");
  });

  test("knows a repeated batch over full files as well", async () => {
    const first = await start();
    await first.bench.broker.createTopic("t", { partitions: 1, configs: { "segment.bytes": "1000" } });
    const send = (running: Running, baseSequence: number): ReturnType<typeof produceTo> => {
      const stamp = { producerId: 7, producerEpoch: 0, baseSequence, transactional: false };
      return produceTo(running.client, running.bench, batchOf(text("x".repeat(300)), 1, stamp));
    };
    for (let i = 0; i < 10; i++) await send(first, i);
    assert.ok([...first.storage.files.keys()].filter((path) => path.endsWith(".index")).length >= 3);
    const second = await restart(first);
    for (let i = 5; i < 10; i++) assert.equal((await send(second, i)).baseOffset, i);
    assert.equal((await send(second, 10)).baseOffset, 10);
  });

  test("keeps offsets, those of open transactions too", async () => {
    const first = await startWithTopic();
    const commit = (groupId: string, committedOffset: number): Promise<unknown> => {
      const partitions = [{ partitionIndex: 0, committedOffset, committedLeaderEpoch: 3, committedMetadata: "m/ö" }];
      return first.bench.run(first.client.call(offsetCommit, 8, { groupId, topics: [{ name: "t", partitions }] }));
    };
    await commit("g/1/x", 7);
    await commit("deleted", 9);
    const producer = await RawTransactions.start(benchWire(first.bench, first.client), "tx", 2);
    assert.equal(await producer.commitOffset("g/1/x", "t", 0, 40), 0);
    const second = await restart(first);
    const offsets = ({ bench }: Running): unknown =>
      bench.broker
        .groups()
        .flatMap((group) =>
          group.offsets.map(({ topic, offset, metadata }) => [group.groupId, topic, offset, metadata]),
        );
    assert.deepEqual(offsets(second), [
      ["g/1/x", "t", 7, "m/ö"],
      ["deleted", "t", 9, "m/ö"],
    ]);
    const again = new RawTransactions(benchWire(second.bench, second.client), "tx", 2);
    again.become(producer.identity);
    assert.equal(await again.commit(), 0);
    const third = await restart(second);
    assert.deepEqual(offsets(third), [
      ["g/1/x", "t", 40, "m"],
      ["deleted", "t", 9, "m/ö"],
    ]);
    await third.bench.broker.deleteTopic("t");
    assert.deepEqual(offsets(await restart(third)), []);
  });

  for (const version of [1, 2] as const) {
    test(`goes on with open transactions, and keeps what was decided, version ${version}`, async () => {
      const features = { "transaction.version": version };
      const first = await start(undefined, features);
      await first.bench.broker.createTopic("t", { partitions: 1 });
      const wire = benchWire(first.bench, first.client);
      const producer = await RawTransactions.start(wire, "tx", version);
      const aborting = await RawTransactions.start(wire, "aborted", version);
      await aborting.send("t", 0, "never");
      assert.equal(await aborting.abort(), 0);
      await producer.send("t", 0, "a");
      const second = await start(first.storage.copy(), features);
      const open = await read(second, 1);
      assert.deepEqual([open.lastStableOffset, open.highWatermark], [2, 3]);
      assert.deepEqual(
        open.abortedTransactions!.map(({ firstOffset }) => firstOffset),
        [0],
      );
      const again = new RawTransactions(benchWire(second.bench, second.client), "tx", version);
      again.become(producer.identity);
      assert.equal(await again.commit(), 0);
      const decided = await read(await start(second.storage.copy(), features), 1);
      assert.deepEqual([decided.lastStableOffset, decided.highWatermark], [4, 4]);
    });
  }

  test("writes the markers that the last process had decided on and not written", async () => {
    const first = await startWithTopic();
    const producer = await RawTransactions.start(benchWire(first.bench, first.client), "tx", 2);
    await producer.send("t", 0, "a");
    first.bench.broker.faults.holdMarkers();
    assert.equal((await producer.endOnce(true)).errorCode, 0);
    assert.equal((await read(first, 1)).lastStableOffset, 0);
    const second = await restart(first);
    assert.equal((await read(second, 1)).lastStableOffset, 2);
  });

  test("aborts a transaction whose time ran out meanwhile", async () => {
    const first = await startWithTopic();
    const producer = await RawTransactions.start(benchWire(first.bench, first.client), "tx", 2, 5_000);
    await producer.send("t", 0, "a");
    const second = await restart(first);
    await second.bench.time.advance(6_000);
    const part = await read(second, 1);
    assert.deepEqual([part.lastStableOffset, part.abortedTransactions!.length], [2, 1]);
  });

  test("lets the members of groups of both protocols go on", async () => {
    const first = await startWithTopic();
    const { bench, client } = first;
    const protocols = [{ name: "range", metadata: Uint8Array.of(0, 1, 255) }];
    const times = { sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, protocolType: "consumer", protocols };
    const { memberId } = await bench.run(client.call(joinGroup, 9, { groupId: "classic", ...times }));
    const joined = await bench.run(client.call(joinGroup, 9, { groupId: "classic", ...times, memberId }));
    const { generationId } = joined;
    const names = { groupId: "classic", memberId, generationId, protocolType: "consumer", protocolName: "range" };
    const assignments = [{ memberId, assignment: Uint8Array.of(9, 200) }];
    await bench.run(client.call(syncGroup, 5, { ...names, assignments }));
    const beat = (running: Running, body: object): ReturnType<Bench["run"]> =>
      running.bench.run(running.client.call(consumerGroupHeartbeat, 1, { groupId: "newer", memberId: "m", ...body }));
    const joining = { memberEpoch: 0, rebalanceTimeoutMs: 5000, subscribedTopicNames: ["t"], topicPartitions: [] };
    const member = (await beat(first, joining)) as { memberEpoch: number; assignment: unknown };
    const second = await restart(first);
    const again = await second.bench.run(
      second.client.call(heartbeat, 4, { groupId: "classic", memberId, generationId }),
    );
    assert.equal(again.errorCode, 0);
    const synced = await second.bench.run(second.client.call(syncGroup, 5, names));
    assert.deepEqual([synced.errorCode, [...synced.assignment]], [0, [9, 200]]);
    const { memberEpoch } = member;
    const beaten = (await beat(second, { memberEpoch })) as { errorCode: number; memberEpoch: number };
    assert.deepEqual([beaten.errorCode, beaten.memberEpoch], [0, memberEpoch]);
    await second.bench.time.advance(60_000);
    assert.deepEqual(
      second.bench.broker.groups().map(({ members }) => members.length),
      [0, 0],
      "their sessions have gone on too",
    );
  });

  test("says so where it cannot write, and has lost nothing once it can", async () => {
    const running = await startWithTopic();
    const { storage, bench, client } = running;
    await produceTo(client, bench, batchOf(text("a"), bench.clock.now()));
    storage.budget = 30;
    const failed = await produceTo(client, bench, batchOf(text("b"), bench.clock.now()));
    assert.equal(failed.errorCode, ErrorCode.KAFKA_STORAGE_ERROR);
    assert.deepEqual(values(await read(running), 0), ["0:a"]);
    assert.deepEqual(values(await read(await restart(running)), 0), ["0:a"]);
    storage.budget = Number.POSITIVE_INFINITY;
    await produceTo(client, bench, batchOf(text("c"), bench.clock.now()));
    assert.deepEqual(values(await read(await restart(running)), 0), ["0:a", "1:c"]);
  });

  test("does not start with a damaged file, and says which", async () => {
    const running = await startWithTopic();
    for (const value of ["a", "b"]) await produceTo(running.client, running.bench, batchOf(text(value), 1));
    const path = [...running.storage.files.keys()].find((name) => name.endsWith(".log"))!;
    running.storage.files.get(path)![65]! ^= 1;
    await assert.rejects(start(running.storage.copy()), {
      name: "BrokerError",
      code: "DAMAGED",
      message: new RegExp(`${path} is damaged at byte 0`),
    });
  });

  test("every version of Produce is answered from it", async () => {
    const first = await startWithTopic();
    const id = first.bench.broker.topics()[0]!.id;
    const second = await restart(first);
    const topicData = [{ topicId: id, partitionData: [{ index: 0, records: batchOf(text("by id"), 1) }] }];
    const answer = await second.bench.run(second.client.call(produce, 13, { acks: -1, timeoutMs: 1, topicData }));
    assert.equal(answer.responses[0]!.partitionResponses[0]!.errorCode, 0);
  });
});
