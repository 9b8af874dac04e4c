import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { OffsetCommitRequest } from "../../protocol/messages/08-offset-commit.ts";
import { type OffsetFetchRequest, offsetFetch } from "../../protocol/messages/09-offset-fetch.ts";
import { findCoordinator } from "../../protocol/messages/10-find-coordinator.ts";
import { Cluster } from "../../src/client/cluster.ts";
import { Coordinator } from "../../src/client/coordinator.ts";
import { commitOffsets, fetchOffsets, type OffsetToCommit } from "../../src/client/group-offsets.ts";
import type { TopicPartition } from "../../src/client/topic-partition.ts";
import { failureOf, startClientBench } from "../support/client-bench.ts";
import { ADDRESS, ALL_VERSIONS, connectionOptions, startScript, withVersions } from "../support/scripted-broker.ts";

/** Nobody is in the group: commits are taken from outside of it. */
const OUTSIDE = { memberId: "", generationId: -1 } as const;

const of = (...partitions: number[]): TopicPartition[] => partitions.map((partition) => ({ topic: "t", partition }));

function toCommit(partition: number, offset: number, metadata = ""): OffsetToCommit {
  return { topic: "t", partition, offset, leaderEpoch: 7, metadata };
}

test("what is committed comes back with its epoch and its metadata; what is not is missing", async (t) => {
  const bench = await startClientBench(t);
  const coordinator = new Coordinator(bench.kafka.cluster, "g");
  const text = `${"x".repeat(4_000)}ü`.slice(0, 4_000);
  const codes = await bench.run(commitOffsets(coordinator, OUTSIDE, [toCommit(0, 5, text), toCommit(2, 0)]));
  assert.deepEqual(
    [...codes],
    [
      ["t/0", 0],
      ["t/2", 0],
    ],
  );
  const offsets = await bench.run(fetchOffsets(coordinator, of(0, 1, 2), 1_000));
  assert.deepEqual(
    [...offsets],
    [
      ["t/0", { offset: 5, leaderEpoch: 7, metadata: text }],
      ["t/2", { offset: 0, leaderEpoch: 7, metadata: "" }],
    ],
  );
});

test("offsets are asked for as stable ones, on a connection of their own", async (t) => {
  const bench = await startClientBench(t);
  const coordinator = new Coordinator(bench.kafka.cluster, "g");
  const asked = bench.broker.nextRequest({ api: "OffsetFetch" });
  await bench.run(fetchOffsets(coordinator, of(0), 1_000));
  assert.equal(((await asked).body as OffsetFetchRequest).requireStable, true);
  bench.broker.faults.drop({ api: "Metadata" });
  const general = bench.kafka.cluster.refresh(["t"]).catch(() => {});
  const start = bench.time.elapsed;
  await bench.run(fetchOffsets(coordinator, of(0), 1_000));
  assert.equal(bench.time.elapsed, start, "a question that hangs does not stand before it");
  await bench.run(general);
});

test("while a transaction on them is open, offsets are waited for", async (t) => {
  const bench = await startClientBench(t);
  const coordinator = new Coordinator(bench.kafka.cluster, "g");
  await bench.run(commitOffsets(coordinator, OUTSIDE, [toCommit(0, 5)]));
  const unstable = bench.broker.faults.fail({
    api: "OffsetFetch",
    errorCode: ErrorCode.UNSTABLE_OFFSET_COMMIT,
    times: 4,
  });
  const offsets = await bench.run(fetchOffsets(coordinator, of(0), 10_000));
  assert.deepEqual([unstable.used, offsets.get("t/0")!.offset], [4, 5]);
  bench.broker.faults.fail({
    api: "OffsetFetch",
    errorCode: ErrorCode.UNSTABLE_OFFSET_COMMIT,
    times: Number.POSITIVE_INFINITY,
  });
  const error = await bench.failure(fetchOffsets(coordinator, of(0), 3_000));
  assert.equal(error.code, "UNSTABLE_OFFSET_COMMIT");
  assert.match(error.message, /group g/);
});

test("an answer that lacks a partition is not taken for one without a commit", async () => {
  const bench = await startScript(
    withVersions(ALL_VERSIONS, (request) => {
      if (request.apiKey === findCoordinator.key) {
        request.answer(findCoordinator, {
          coordinators: [{ key: "g", nodeId: 1, host: ADDRESS.host, port: ADDRESS.port, errorCode: 0 }],
        });
      } else request.answer(offsetFetch, { groups: [{ groupId: "g", topics: [] }] });
    }),
  );
  const options = connectionOptions(bench.network, bench.clock);
  const backoff = { initial: 100, max: 1_000 };
  const cluster = new Cluster({
    ...options,
    bootstrap: [ADDRESS],
    metadataMaxAge: 60_000,
    retryBackoff: backoff,
    reconnectBackoff: backoff,
  });
  const error = await bench.run(failureOf(fetchOffsets(new Coordinator(cluster, "g"), of(3), 2_000)));
  assert.match(error.message, /group g.*lacks t\/3/);
  cluster.close();
});

test("a commit gives Kafka's code for each partition, and rejects where there was no answer", async (t) => {
  const bench = await startClientBench(t);
  const coordinator = new Coordinator(bench.kafka.cluster, "g");
  const large = await bench.run(
    commitOffsets(coordinator, OUTSIDE, [toCommit(0, 1, "x".repeat(5_000)), toCommit(1, 1)]),
  );
  assert.deepEqual(
    [...large],
    [
      ["t/0", ErrorCode.OFFSET_METADATA_TOO_LARGE],
      ["t/1", 0],
    ],
  );
  const stranger = await bench.run(commitOffsets(coordinator, { memberId: "who", generationId: 3 }, [toCommit(0, 1)]));
  assert.equal(stranger.get("t/0"), ErrorCode.UNKNOWN_MEMBER_ID);
  bench.broker.faults.cut({ api: "OffsetCommit" });
  assert.equal((await bench.failure(commitOffsets(coordinator, OUTSIDE, [toCommit(0, 1)]))).code, "CONNECTION_FAILED");
  const sent = bench.broker.nextRequest({ api: "OffsetCommit" });
  await bench.run(commitOffsets(coordinator, OUTSIDE, [toCommit(0, 9, "m")]));
  const { topics } = (await sent).body as OffsetCommitRequest;
  assert.deepEqual(
    [topics[0]!.name, topics[0]!.partitions[0]!.committedOffset, topics[0]!.partitions[0]!.committedMetadata],
    ["t", 9, "m"],
  );
});
