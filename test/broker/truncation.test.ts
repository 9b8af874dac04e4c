import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { offsetForLeaderEpoch } from "../../protocol/messages/23-offset-for-leader-epoch.ts";
import { RawTransactions } from "../support/raw-transactions.ts";
import { batchOf } from "./raw-client.ts";
import { fetchFrom, produceTo, start, text, values } from "./records-bench.ts";
import { benchWire } from "./transaction-bench.ts";

describe("a log that an unclean election cut", () => {
  test("ends before the batch with the offset, in a new epoch, and whoever waits learns of it", async () => {
    const { bench, client } = await start();
    for (const batch of [["a", "b"], ["c", "d"], ["e"]]) await produceTo(client, bench, batchOf(text(...batch), 1));
    const other = await bench.connect();
    const waiting = fetchFrom(other, bench, { fetchOffset: 5, lastFetchedEpoch: 0 }, { maxWaitMs: 60_000 });
    bench.broker.faults.truncate("t", 0, 3);
    const { logEndOffset, leaderEpoch } = bench.broker.topics()[0]!.partitions[0]!;
    assert.deepEqual([logEndOffset, leaderEpoch], [2, 1]);
    assert.deepEqual({ ...(await waiting).divergingEpoch }, { epoch: 0, endOffset: 2 });
    const fenced = await fetchFrom(client, bench, { fetchOffset: 2, currentLeaderEpoch: 0 });
    assert.equal(fenced.errorCode, ErrorCode.FENCED_LEADER_EPOCH);
    assert.equal((await produceTo(client, bench, batchOf(text("C"), 1))).baseOffset, 2);
    assert.deepEqual(values(await fetchFrom(client, bench, { fetchOffset: 0 }), 0), ["0:a", "1:b", "2:C"]);
  });

  test("tells where each epoch ended, also when it has grown beyond what was lost", async () => {
    const { bench, client } = await start();
    await produceTo(client, bench, batchOf(text("a", "b"), 1));
    await produceTo(client, bench, batchOf(text("c", "d"), 1));
    bench.broker.faults.truncate("t", 0, 2);
    await produceTo(client, bench, batchOf(text("C", "D", "E"), 1));
    const diverging = await fetchFrom(client, bench, { fetchOffset: 4, lastFetchedEpoch: 0 });
    assert.deepEqual({ ...diverging.divergingEpoch }, { epoch: 0, endOffset: 2 });
    const partitions = [0, 1, 2].map((leaderEpoch) => ({ partition: 0, leaderEpoch }));
    const ask = client.call(offsetForLeaderEpoch, 4, { replicaId: -1, topics: [{ topic: "t", partitions }] });
    const ends = (await bench.run(ask)).topics[0]!.partitions.map((one) => [one.leaderEpoch, one.endOffset]);
    assert.deepEqual(ends, [
      [0, 2],
      [1, 5],
      [-1, -1],
    ]);
  });

  test("may lose everything, and leaves the end alone where there is nothing to lose", async () => {
    const { bench, client } = await start();
    await produceTo(client, bench, batchOf(text("a", "b"), 1));
    bench.broker.faults.truncate("t", 0, 9);
    assert.equal(bench.broker.topics()[0]!.partitions[0]!.logEndOffset, 2);
    bench.broker.faults.truncate("t", 0, 0);
    assert.equal(bench.broker.topics()[0]!.partitions[0]!.logEndOffset, 0);
    assert.throws(() => bench.broker.faults.truncate("t", 0, -1), RangeError);
    assert.throws(() => bench.broker.faults.truncate("t", 7, 0), RangeError);
    const gone = await fetchFrom(client, bench, { fetchOffset: 2 });
    assert.equal(gone.errorCode, ErrorCode.OFFSET_OUT_OF_RANGE);
  });

  test("knows of producers what is left of them", async () => {
    const { bench, client } = await start();
    const stamp = { producerId: 7, producerEpoch: 0, transactional: false };
    const send = (baseSequence: number) =>
      produceTo(client, bench, batchOf(text(`${baseSequence}`), 1, { ...stamp, baseSequence }));
    for (const sequence of [0, 1, 2]) await send(sequence);
    bench.broker.faults.truncate("t", 0, 1);
    assert.equal((await send(0)).baseOffset, 0, "it is there");
    assert.equal((await send(3)).errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, "what came before it is lost");
    assert.equal((await send(1)).baseOffset, 1);
  });

  test("has those transactions open and aborted that its records tell of", async () => {
    const { bench, client } = await start();
    const wire = benchWire(bench, client);
    const [one, other] = [await RawTransactions.start(wire, "a", 2), await RawTransactions.start(wire, "b", 2)];
    await one.send("t", 0, "aborted");
    await one.abort();
    await other.send("t", 0, "open");
    await one.send("t", 0, "lost");
    await one.abort();
    const stable = async (): Promise<unknown[]> => {
      const part = await fetchFrom(client, bench, { fetchOffset: 0 }, { isolationLevel: 1 });
      return [part.lastStableOffset, part.abortedTransactions!.map((range) => range.firstOffset)];
    };
    assert.deepEqual(await stable(), [2, [0]]);
    bench.broker.faults.truncate("t", 0, 4);
    assert.deepEqual(await stable(), [2, [0]], "the marker is lost, and the records before it are open again");
    await other.commit();
    assert.deepEqual(await stable(), [3, [0]]);
    bench.broker.faults.truncate("t", 0, 1);
    assert.deepEqual(await stable(), [0, []]);
    bench.broker.faults.truncate("t", 0, 0);
    assert.deepEqual(await stable(), [0, []]);
  });
});
