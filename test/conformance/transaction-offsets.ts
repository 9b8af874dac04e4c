import assert from "node:assert/strict";
import { ErrorCode } from "../../protocol/errors.ts";
import { offsetCommit } from "../../protocol/messages/08-offset-commit.ts";
import { joinGroup } from "../../protocol/messages/11-join-group.ts";
import { syncGroup } from "../../protocol/messages/14-sync-group.ts";
import type { OffsetsOf } from "../support/raw-transactions.ts";
import type { Target } from "./target.ts";
import { type Scene, transactionTest } from "./transaction-scene.ts";

/** That offsets of a group change with a transaction or not at all (KIP-447). */
export function transactionOffsetsConformance(target: Target): void {
  const test = transactionTest(target);
  const UNSTABLE = -ErrorCode.UNSTABLE_OFFSET_COMMIT;

  test("offsets are committed with their transaction", async (scene) => {
    const [topic, groupId] = [await scene.topic(), scene.cluster.fresh("group")];
    const producer = await scene.producer();
    for (const [offset, before] of [
      [5, -1],
      [9, 5],
    ] as const) {
      assert.equal(await producer.commitOffset(groupId, topic, 0, offset), ErrorCode.NONE);
      assert.equal(await scene.committed(groupId, topic, true), UNSTABLE);
      assert.equal(await scene.committed(groupId, topic, false), before);
      await producer.send(topic, 0, `${offset}`);
      assert.equal(await producer.commit(), ErrorCode.NONE);
      assert.equal(await scene.stableOffset(groupId, topic), offset);
    }
  });

  test("offsets are forgotten with their transaction", async (scene) => {
    const [topic, groupId] = [await scene.topic(), scene.cluster.fresh("group")];
    const producer = await scene.producer();
    await producer.commitOffset(groupId, topic, 0, 5);
    await producer.commit();
    await producer.commitOffset(groupId, topic, 0, 9);
    assert.equal(await producer.abort(), ErrorCode.NONE);
    assert.equal(await scene.stableOffset(groupId, topic), 5);
  });

  test("a producer that takes the id over leaves no offset of the old one's transaction", async (scene) => {
    const [topic, groupId] = [await scene.topic(), scene.cluster.fresh("group")];
    const producer = await scene.producer();
    await producer.commitOffset(groupId, topic, 0, 5);
    const next = await scene.producer(producer.transactionalId);
    assert.equal(await scene.stableOffset(groupId, topic), -1);
    assert.notEqual(await producer.commitOffset(groupId, topic, 0, 6), ErrorCode.NONE);
    await next.commitOffset(groupId, topic, 0, 7);
    await next.commit();
    assert.equal(await scene.stableOffset(groupId, topic), 7);
  });

  test("two producers' offsets of one partition: the later commit to begin holds", async (scene) => {
    const [topic, groupId] = [await scene.topic(), scene.cluster.fresh("group")];
    const [one, other] = [await scene.producer(), await scene.producer()];
    await one.commitOffset(groupId, topic, 0, 5);
    await other.commitOffset(groupId, topic, 0, 8);
    await other.commit();
    assert.equal(await scene.committed(groupId, topic, true), UNSTABLE, "another one is open");
    await one.commit();
    assert.equal(await scene.stableOffset(groupId, topic), 8);
  });

  test("a plain commit during the transaction is not undone by its end", async (scene) => {
    const [topic, groupId] = [await scene.topic(), scene.cluster.fresh("group")];
    const producer = await scene.producer();
    await producer.commitOffset(groupId, topic, 0, 5);
    const topics = [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: 6, committedMetadata: "" }] }];
    const answer = await scene.wire.toGroup(groupId, offsetCommit, 8, { groupId, topics });
    assert.equal(answer.topics[0]!.partitions[0]!.errorCode, ErrorCode.NONE);
    await producer.commit();
    assert.equal(await scene.stableOffset(groupId, topic), 6);
  });

  test("a group that was not added takes no offset of the transaction", async (scene) => {
    const [topic, groupId] = [await scene.topic(), scene.cluster.fresh("group")];
    const producer = await scene.producer();
    const offsets = offsetsOf(groupId, topic);
    assert.deepEqual(await producer.commitOffsetsOnce(offsets, 3), [ErrorCode.INVALID_TXN_STATE]);
    assert.deepEqual(await producer.commitOffsetsOnce(offsets, 4), [ErrorCode.TRANSACTION_ABORTABLE]);
    assert.equal(await scene.committed(groupId, topic, true), -1);
  });

  test("offsets of partitions that there are not are refused, and no others with them", async (scene) => {
    const [topic, groupId] = [await scene.topic(), scene.cluster.fresh("group")];
    const producer = await scene.producer();
    await producer.commitOffset(groupId, topic, 0, 1);
    const partitions = [0, 99].map((partitionIndex) => {
      return { partitionIndex, committedOffset: 4, committedMetadata: null };
    });
    const codes = await producer.commitOffsetsOnce({ groupId, topics: [{ name: topic, partitions }] });
    assert.deepEqual(codes.sort(), [ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
    const long = [{ partitionIndex: 0, committedOffset: 4, committedMetadata: "m".repeat(5000) }];
    assert.deepEqual(await producer.commitOffsetsOnce({ groupId, topics: [{ name: topic, partitions: long }] }), [
      ErrorCode.OFFSET_METADATA_TOO_LARGE,
    ]);
    await producer.commit();
    assert.equal(await scene.stableOffset(groupId, topic), 4);
  });

  test("only a member of the group's generation commits its offsets, or who names none", async (scene) => {
    const [topic, groupId] = [await scene.topic(), scene.cluster.fresh("group")];
    const { memberId, generationId } = await join(scene, groupId);
    const producer = await scene.producer();
    await producer.commitOffset(groupId, topic, 0, 1);
    const commit = async (member: Partial<OffsetsOf>): Promise<number> =>
      (await producer.commitOffsetsOnce({ ...offsetsOf(groupId, topic), ...member }))[0]!;
    assert.equal(await commit({ memberId, generationId }), ErrorCode.NONE);
    assert.equal(await commit({ memberId, generationId: generationId + 1 }), ErrorCode.ILLEGAL_GENERATION);
    assert.equal(await commit({ memberId: "nobody", generationId }), ErrorCode.UNKNOWN_MEMBER_ID);
    assert.equal(await commit({ memberId: "", generationId: -1 }), ErrorCode.NONE);
    const strange = scene.cluster.fresh("group");
    if (scene.version === 1) await producer.addOffsetsOnce(strange);
    const unknown = { ...offsetsOf(strange, topic), memberId, generationId };
    const [errorCode] = await producer.commitOffsetsOnce(unknown);
    // Up to 3.9, a group that is not known has no such member; later, no such generation.
    assert.ok(errorCode === ErrorCode.ILLEGAL_GENERATION || errorCode === ErrorCode.UNKNOWN_MEMBER_ID);
    await producer.commit();
    assert.equal(await scene.stableOffset(groupId, topic), 3);
  });
}

function offsetsOf(groupId: string, topic: string): OffsetsOf {
  const partitions = [{ partitionIndex: 0, committedOffset: 3, committedMetadata: "m" }];
  return { groupId, topics: [{ name: topic, partitions }] };
}

/** Makes a group of one member with an assignment. */
async function join(scene: Scene, groupId: string): Promise<{ memberId: string; generationId: number }> {
  const protocols = [{ name: "p", metadata: new Uint8Array(0) }];
  const times = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000 };
  // Up to version 3, a member joins without an id.
  const joining = { groupId, memberId: "", protocolType: "consumer", protocols, ...times };
  const { errorCode, memberId, generationId } = await scene.wire.toGroup(groupId, joinGroup, 3, joining);
  assert.equal(errorCode, ErrorCode.NONE);
  const assignments = [{ memberId, assignment: new Uint8Array(0) }];
  const synced = await scene.wire.toGroup(groupId, syncGroup, 2, { groupId, generationId, memberId, assignments });
  assert.equal(synced.errorCode, ErrorCode.NONE);
  return { memberId, generationId };
}
