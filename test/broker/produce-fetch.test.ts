import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { crc32c } from "../../protocol/crc32c.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Draft } from "../../protocol/field.ts";
import { produce } from "../../protocol/messages/00-produce.ts";
import { type FetchRequest, fetch } from "../../protocol/messages/01-fetch.ts";
import { FIELD_AT, readBatchHeaders } from "../../protocol/record-batch.ts";
import { readFetched } from "../../protocol/records.ts";
import { batchOf, startBench } from "./raw-client.ts";
import { fetchFrom, fetchRequest, NAMED, produceTo, start, text, values } from "./records-bench.ts";

describe("Produce and Fetch", () => {
  test("a produced batch is fetched with the log's offsets", async () => {
    const { bench, client } = await start();
    const now = bench.clock.now();
    assert.equal((await produceTo(client, bench, batchOf(text("a", "b"), now))).baseOffset, 0);
    assert.equal((await produceTo(client, bench, batchOf(text("c"), now))).baseOffset, 2);
    const all = await fetchFrom(client, bench, { fetchOffset: 0 });
    assert.equal(all.highWatermark, 3);
    assert.deepEqual(values(all, 0), ["0:a", "1:b", "2:c"]);
    const tail = await fetchFrom(client, bench, { fetchOffset: 1 });
    assert.equal(readBatchHeaders(tail.records!)[0]!.baseOffset, 0, "the batch that contains the offset comes whole");
    assert.deepEqual(values(tail, 1), ["1:b", "2:c"]);
  });

  test("all versions of Produce and Fetch carry the records", async () => {
    const { bench, client } = await start();
    const id = bench.broker.topics()[0]!.id;
    let offset = 0;
    for (let version = produce.minVersion; version <= produce.maxVersion; version++) {
      const records = batchOf(text(`v${version}`), bench.clock.now());
      const topicData = [
        { name: "t", ...(version >= 13 ? { topicId: id } : {}), partitionData: [{ index: 0, records }] },
      ];
      const answer = await bench.run(client.call(produce, version, { acks: 1, timeoutMs: 1, topicData }));
      assert.equal(answer.responses[0]!.partitionResponses[0]!.baseOffset, offset++);
    }
    for (let version = fetch.minVersion; version <= fetch.maxVersion; version++) {
      const topics = [
        {
          topic: "t",
          ...(version >= 13 ? { topicId: id } : {}),
          partitions: [{ fetchOffset: 0, partitionMaxBytes: 1 << 20 }],
        },
      ];
      const answer = await bench.run(client.call(fetch, version, { maxWaitMs: 0, minBytes: 1, topics }));
      assert.equal(values(answer.responses[0]!.partitions[0]!, 0).length, offset);
    }
  });

  test("a fetch at the end waits until something is produced", async () => {
    const { bench, client } = await start();
    const other = await bench.connect();
    const pending = client.call(fetch, NAMED, fetchRequest([{ fetchOffset: 0 }], { maxWaitMs: 60_000 }));
    await bench.time.advance(1000);
    await produceTo(other, bench, batchOf(text("late"), bench.clock.now()));
    const answer = await bench.run(pending);
    assert.deepEqual(values(answer.responses[0]!.partitions[0]!, 0), ["0:late"]);
    assert.ok(bench.time.elapsed < 60_000, "it did not wait for the time to pass");
  });

  test("a fetch that finds nothing is answered empty after maxWaitMs", async () => {
    const { bench, client } = await start();
    const before = bench.time.elapsed;
    const part = await fetchFrom(client, bench, { fetchOffset: 0 }, { maxWaitMs: 500 });
    assert.equal(part.errorCode, 0);
    assert.equal(part.records!.length, 0);
    assert.equal(bench.time.elapsed - before, 500);
  });

  test("a fetch waits for minBytes", async () => {
    const { bench, client } = await start();
    const other = await bench.connect();
    const pending = client.call(fetch, NAMED, fetchRequest([{ fetchOffset: 0 }], { maxWaitMs: 60_000, minBytes: 150 }));
    await produceTo(other, bench, batchOf(text("one"), bench.clock.now()));
    await produceTo(other, bench, batchOf(text("two"), bench.clock.now()));
    await produceTo(other, bench, batchOf(text("three"), bench.clock.now()));
    const answer = await bench.run(pending);
    assert.deepEqual(values(answer.responses[0]!.partitions[0]!, 0), ["0:one", "1:two", "2:three"]);
  });

  test("limits cut between batches, and the first batch always comes whole", async () => {
    const { bench, client } = await start(2);
    const big = "x".repeat(1000);
    for (const partition of [0, 0, 1, 1]) {
      await produceTo(client, bench, batchOf(text(big), bench.clock.now()), { partition });
    }
    const both = [
      { partition: 0, fetchOffset: 0 },
      { partition: 1, fetchOffset: 0 },
    ];
    const ask = async (rest: Draft<FetchRequest>): Promise<number[]> => {
      const answer = await bench.run(client.call(fetch, NAMED, fetchRequest(both, rest)));
      return answer.responses[0]!.partitions.map((part) => readBatchHeaders(part.records!).length);
    };
    assert.deepEqual(await ask({ maxBytes: 1 }), [1, 0]);
    assert.deepEqual(await ask({ maxBytes: 3300 }), [2, 1]);
    assert.deepEqual(await ask({}), [2, 2]);
    const small = both.map((one) => ({ ...one, partitionMaxBytes: 10 }));
    const answer = await bench.run(client.call(fetch, NAMED, fetchRequest(small)));
    assert.deepEqual(
      answer.responses[0]!.partitions.map((part) => part.records!.length > 0),
      [true, false],
    );
  });

  test("offsets outside of the log are refused", async () => {
    const { bench, client } = await start();
    for (const value of ["a", "b", "c"]) await produceTo(client, bench, batchOf(text(value), bench.clock.now()));
    assert.equal((await fetchFrom(client, bench, { fetchOffset: 4 })).errorCode, ErrorCode.OFFSET_OUT_OF_RANGE);
    await bench.broker.deleteRecords("t", 0, 2);
    assert.equal((await fetchFrom(client, bench, { fetchOffset: 1 })).errorCode, ErrorCode.OFFSET_OUT_OF_RANGE);
    assert.deepEqual(values(await fetchFrom(client, bench, { fetchOffset: 2 }), 2), ["2:c"]);
  });

  test("leader epochs of clients are checked", async () => {
    const { bench, client } = await start();
    bench.broker.faults.moveLeader("t", 0, 1);
    const fenced = await fetchFrom(client, bench, { fetchOffset: 0, currentLeaderEpoch: 0 });
    assert.equal(fenced.errorCode, ErrorCode.FENCED_LEADER_EPOCH);
    const unknown = await fetchFrom(client, bench, { fetchOffset: 0, currentLeaderEpoch: 2 });
    assert.equal(unknown.errorCode, ErrorCode.UNKNOWN_LEADER_EPOCH);
    assert.equal((await fetchFrom(client, bench, { fetchOffset: 0, currentLeaderEpoch: 1 })).errorCode, 0);
  });

  test("a reader whose log parted from the leader's learns where", async () => {
    const { bench, client } = await start();
    await produceTo(client, bench, batchOf(text("a"), bench.clock.now()));
    const part = await fetchFrom(client, bench, { fetchOffset: 5, lastFetchedEpoch: 0 });
    assert.deepEqual(part.divergingEpoch, { epoch: 0, endOffset: 1 });
  });

  test("topics and partitions that do not exist are named so", async () => {
    const { bench, client } = await start();
    const records = batchOf(text("a"), bench.clock.now());
    const unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    assert.equal((await produceTo(client, bench, records, { topic: "nope" })).errorCode, unknown);
    assert.equal((await produceTo(client, bench, records, { partition: 9 })).errorCode, unknown);
    const topicData = [{ topicId: "00000000-0000-0000-0000-000000000009", partitionData: [{ index: 0, records }] }];
    const byId = await bench.run(client.call(produce, 13, { acks: -1, timeoutMs: 1, topicData }));
    assert.equal(byId.responses[0]!.partitionResponses[0]!.errorCode, ErrorCode.UNKNOWN_TOPIC_ID);
  });

  test("a node that does not lead says who does", async () => {
    const bench = await startBench({ nodes: 2 });
    await bench.broker.createTopic("t", { partitions: 1 });
    bench.broker.faults.moveLeader("t", 0, 2);
    const client = await bench.connect(1);
    const topicData = [{ name: "t", partitionData: [{ index: 0, records: batchOf(text("a"), bench.clock.now()) }] }];
    const answer = await bench.run(client.call(produce, NAMED, { acks: -1, timeoutMs: 1, topicData }));
    const part = answer.responses[0]!.partitionResponses[0]!;
    assert.equal(part.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER);
    assert.deepEqual(part.currentLeader, { leaderId: 2, leaderEpoch: 1 });
    assert.deepEqual(answer.nodeEndpoints, [{ nodeId: 2, host: "kafka", port: 9093, rack: null }]);
  });

  test("acks 0 gets no answer, and a failure closes the connection", async () => {
    const { bench, client } = await start();
    const records = batchOf(text("a"), bench.clock.now());
    const send = (name: string): void => {
      const topicData = [{ name, partitionData: [{ index: 0, records }] }];
      void client.frame(produce, NAMED, { acks: 0, timeoutMs: 1, topicData }).then(() => assert.fail("an answer came"));
    };
    send("t");
    assert.equal((await fetchFrom(client, bench, { fetchOffset: 0 })).highWatermark, 1);
    send("nope");
    await bench.run(client.closed);
  });

  test("other values of acks are refused", async () => {
    const { bench, client } = await start();
    const part = await produceTo(client, bench, batchOf(text("a"), bench.clock.now()), { acks: 2 });
    assert.equal(part.errorCode, ErrorCode.INVALID_REQUIRED_ACKS);
  });

  test("acks all needs min.insync.replicas, acks 1 does not", async () => {
    const { bench, client } = await start(1, { "min.insync.replicas": "2" });
    const records = batchOf(text("a"), bench.clock.now());
    assert.equal((await produceTo(client, bench, records)).errorCode, ErrorCode.NOT_ENOUGH_REPLICAS);
    assert.equal((await produceTo(client, bench, records, { acks: 1 })).errorCode, 0);
  });

  test("a greatest timestamp that the producer got wrong is put right", async () => {
    const { bench, client } = await start();
    const now = bench.clock.now();
    const bytes = batchOf(text("a"), now);
    const view = new DataView(bytes.buffer);
    view.setBigInt64(FIELD_AT.maxTimestamp, 5n);
    view.setUint32(FIELD_AT.crc, crc32c(bytes, FIELD_AT.attributes, bytes.length));
    assert.equal((await produceTo(client, bench, bytes)).errorCode, 0);
    const part = await fetchFrom(client, bench, { fetchOffset: 0 });
    assert.equal(readBatchHeaders(part.records!)[0]!.maxTimestamp, now);
    assert.deepEqual(values(part, 0), ["0:a"], "and the CRC with it");
  });

  test("LogAppendTime gives the broker's time to all records", async () => {
    const { bench, client } = await start(1, { "message.timestamp.type": "LogAppendTime" });
    const now = bench.clock.now();
    const part = await produceTo(client, bench, batchOf(text("a"), 5));
    assert.ok(part.logAppendTimeMs >= now);
    const fetched = await fetchFrom(client, bench, { fetchOffset: 0 });
    const { records } = readFetched(fetched.records!.slice(), 0, null, 1 << 20);
    assert.equal(records[0]!.timestamp, part.logAppendTimeMs);
  });
});
