import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { type ListOffsetsPartitionResponse, listOffsets } from "../../protocol/messages/02-list-offsets.ts";
import { batchOf } from "./raw-client.ts";
import { produceTo, start, text } from "./records-bench.ts";

describe("ListOffsets", () => {
  test("finds the ends, times, and the greatest time", async () => {
    const { bench, client } = await start();
    const now = bench.clock.now();
    for (const at of [now - 300, now - 100, now - 200]) await produceTo(client, bench, batchOf(text("a", "b"), at));
    const ask = async (timestamp: number): Promise<ListOffsetsPartitionResponse> => {
      const topics = [{ name: "t", partitions: [{ partitionIndex: 0, timestamp }] }];
      const answer = await bench.run(client.call(listOffsets, 9, { replicaId: -1, topics }));
      return answer.topics[0]!.partitions[0]!;
    };
    assert.equal((await ask(-1)).offset, 6);
    assert.equal((await ask(-2)).offset, 0);
    const greatest = await ask(-3);
    assert.deepEqual([greatest.offset, greatest.timestamp], [2, now - 100]);
    assert.equal((await ask(now - 250)).offset, 2);
    assert.equal((await ask(now - 300)).offset, 0);
    assert.equal((await ask(now)).offset, -1);
    assert.equal((await ask(-4)).offset, 0);
    assert.equal((await ask(-5)).offset, -1);
    assert.equal((await ask(-9)).errorCode, ErrorCode.UNSUPPORTED_VERSION);
    await bench.broker.deleteRecords("t", 0, 3);
    assert.equal((await ask(-2)).offset, 3);
    assert.equal((await ask(0)).offset, 3);
  });
});
