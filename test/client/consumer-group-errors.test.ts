import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { commitOffsets, fetchOffsets } from "../../src/client/group-offsets.ts";
import { partitionKey } from "../../src/client/topic-partition.ts";
import { claimed, HEARTBEAT, heartbeatsOf, SESSION, startConsumerGroup } from "../support/consumer-group-bench.ts";
import type { JoinOptions } from "../support/group-bench.ts";

test("S6.2 a member that is fenced or not known loses all, and comes back under its id", async (t) => {
  for (const errorCode of [ErrorCode.FENCED_MEMBER_EPOCH, ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.GROUP_ID_NOT_FOUND]) {
    const bench = await startConsumerGroup(t);
    const { member, log } = bench.join();
    await bench.settle();
    const { memberId } = member.membership;
    bench.broker.faults.fail({ api: HEARTBEAT, errorCode });
    await bench.settle();
    assert.deepEqual(log, ["assigned t/0 t/1 t/2 t/3", "lost t/0 t/1 t/2 t/3", "assigned t/0 t/1 t/2 t/3"]);
    assert.deepEqual([member.membership.memberId, member.lease.isValid], [memberId, true]);
    const rejoin = bench.heartbeats.filter(({ memberEpoch }) => memberEpoch === 0).at(-1)!;
    assert.deepEqual([rejoin.memberId, claimed(rejoin), rejoin.subscribedTopicNames], [memberId, 0, ["t"]]);
  }
  const bench = await startConsumerGroup(t);
  const { member, log } = bench.join();
  await bench.settle();
  bench.broker.faults.expireSession("g", member.membership.memberId);
  await bench.settle();
  assert.equal(log.length, 3);
});

test("what does not pass ends the membership, once, with an error that says why", async (t) => {
  const fatal = [
    ErrorCode.UNSUPPORTED_ASSIGNOR,
    ErrorCode.INVALID_REGULAR_EXPRESSION,
    ErrorCode.GROUP_MAX_SIZE_REACHED,
    ErrorCode.GROUP_AUTHORIZATION_FAILED,
    ErrorCode.TOPIC_AUTHORIZATION_FAILED,
    ErrorCode.INVALID_REQUEST,
    ErrorCode.FENCED_INSTANCE_ID,
  ];
  for (const errorCode of fatal) {
    const bench = await startConsumerGroup(t);
    const { member, log, failures } = bench.join();
    await bench.settle();
    bench.broker.faults.fail({ api: HEARTBEAT, errorCode, times: 9 });
    await bench.settle();
    assert.deepEqual([log.at(-1), member.lease.isValid], ["lost t/0 t/1 t/2 t/3", false]);
    assert.equal(failures.length, 1);
    assert.match(failures[0]!.message, /group g/);
    assert.equal("errorCode" in failures[0]! && failures[0].errorCode, errorCode);
  }
});

test("a broker's assignor that there is not is an error with the broker's words", async (t) => {
  const bench = await startConsumerGroup(t);
  const { failures } = bench.join(bench.client(), { serverAssignor: "sticky" } as JoinOptions);
  await bench.time.advance(1_000);
  assert.equal(failures[0]?.code, "UNSUPPORTED_ASSIGNOR");
  assert.match(failures[0]!.message, /membership of group g \(.*sticky/);
});

test("a name that another member has is waited for", async (t) => {
  const bench = await startConsumerGroup(t);
  const first = bench.join(bench.client(), { groupInstanceId: "one" });
  await bench.settle();
  const second = bench.join(bench.client(), { groupInstanceId: "one" });
  await bench.time.advance(60_000);
  assert.ok(second.busy > 0);
  assert.deepEqual([second.owned.size, second.failures.length, first.owned.size], [0, 0, 4]);
  await bench.run(first.member.close());
  first.owned.clear();
  await bench.settle();
  assert.equal(second.owned.size, 4);
});

test("a coordinator that moves, goes down or begins costs nothing", async (t) => {
  const bench = await startConsumerGroup(t, { broker: { nodes: 3 } });
  const { log, member } = bench.join();
  await bench.settle();
  for (const node of [2, 3, 1]) {
    bench.broker.faults.moveCoordinator("g", node);
    await bench.settle();
  }
  bench.broker.faults.fail({ api: HEARTBEAT, errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, times: 3 });
  await bench.settle();
  await bench.broker.faults.stop(bench.broker.groups()[0]!.coordinatorId);
  await bench.settle();
  assert.deepEqual([log, member.lease.isValid], [["assigned t/0 t/1 t/2 t/3"], true]);
});

test("a heartbeat that hangs leaves time for others before the session ends", async (t) => {
  const bench = await startConsumerGroup(t);
  const { log, member } = bench.join();
  await bench.settle();
  bench.broker.faults.drop({ api: HEARTBEAT });
  for (let i = 0; i < 200; i++) {
    await bench.time.advance(100);
    assert.equal(member.lease.isValid, true);
  }
  assert.equal(log.length, 1);
});

test("trouble that goes on is told, and ends when it does", async (t) => {
  const bench = await startConsumerGroup(t);
  const { troubles, log } = bench.join();
  await bench.settle();
  const hindered = bench.broker.faults.cut({ api: HEARTBEAT, when: "beforeApply", times: Number.POSITIVE_INFINITY });
  await bench.time.advance(SESSION / 2);
  assert.ok(troubles.length > 0);
  hindered.cancel();
  await bench.settle();
  assert.equal(log.length, 1);
});

test("what is said of an older epoch changes nothing, and neither does an answer to who the member was", async (t) => {
  const bench = await startConsumerGroup(t);
  const { member, log } = bench.join();
  await bench.settle();
  const { generationId } = member.membership;
  for (const errorCode of [ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.FENCED_MEMBER_EPOCH, ErrorCode.FENCED_INSTANCE_ID])
    member.refused(errorCode, generationId - 1);
  member.refused(ErrorCode.OFFSET_METADATA_TOO_LARGE, generationId);
  await bench.settle();
  assert.deepEqual([log.length, member.membership.generationId], [1, generationId]);
  bench.broker.faults.delay({ api: HEARTBEAT, ms: 1_000 });
  while (bench.heartbeats.splice(0).length === 0) await bench.time.advance(10);
  member.refused(ErrorCode.UNKNOWN_MEMBER_ID, generationId);
  assert.deepEqual([log.at(-1), member.membership.generationId], ["lost t/0 t/1 t/2 t/3", -1]);
  await bench.settle();
  assert.deepEqual(log.slice(1), ["lost t/0 t/1 t/2 t/3", "assigned t/0 t/1 t/2 t/3"]);
});

test("a commit of an older epoch is refused, and what it says brings the new one", async (t) => {
  const bench = await startConsumerGroup(t);
  const other = bench.join();
  await bench.settle();
  const first = bench.join();
  await bench.settle();
  const { coordinator, membership } = first.member;
  const partition = Number([...first.owned][0]!.split("/")[1]);
  const offset = { topic: "t", partition, offset: 1, leaderEpoch: -1, metadata: "" };
  const commit = async (as: typeof membership): Promise<number | undefined> =>
    (await bench.run(commitOffsets(coordinator, as, [offset]))).get(partitionKey("t", partition));
  // From an epoch in which it did not have the partition: later ones will do (KIP-1251).
  assert.equal(await commit({ ...membership, generationId: 1 }), ErrorCode.STALE_MEMBER_EPOCH);
  bench.heartbeats.splice(0);
  first.member.refused(ErrorCode.STALE_MEMBER_EPOCH, first.member.membership.generationId);
  await bench.time.advance(10);
  assert.equal(heartbeatsOf(bench, first).length, 1, "a heartbeat goes out at once");
  assert.equal(await commit(first.member.membership), 0);
  assert.equal(other.owned.size, 2);
});

test("offsets are asked for as a member, again with each new epoch", async (t) => {
  const bench = await startConsumerGroup(t);
  const { member } = bench.join();
  await bench.settle();
  const { coordinator, membership } = member;
  await bench.run(
    commitOffsets(coordinator, membership, [{ topic: "t", partition: 0, offset: 7, leaderEpoch: -1, metadata: "" }]),
  );
  const stale = { ...membership, generationId: membership.generationId - 1 };
  let asked = 0;
  const offsets = await bench.run(
    fetchOffsets(coordinator, [{ topic: "t", partition: 0 }], 10_000, undefined, () =>
      asked++ === 0 ? stale : membership,
    ),
  );
  assert.deepEqual([offsets.get("t/0")?.offset, asked], [7, 2]);
});
