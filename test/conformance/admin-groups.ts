import assert from "node:assert/strict";
import { once } from "node:events";
import { conformanceTest } from "./conformance-test.ts";
import { eventually } from "./eventually.ts";
import type { Target } from "./target.ts";
import { topicWithTimes } from "./timed-topic.ts";

/** What administrators do with groups of either protocol, and with their offsets. */
export function adminGroupsConformance(target: Target): void {
  const test = conformanceTest(target);

  test("offsets of a group are stored, read, counted as lag and deleted", async (cluster) => {
    const admin = cluster.kafka().admin();
    const topic = await topicWithTimes(cluster, [1, 2, 3]);
    const groupId = cluster.fresh("group");
    assert.deepEqual(await admin.groupOffsets(groupId), []);
    await admin.alterGroupOffsets(groupId, [
      { topic, partition: 0, offset: 1, metadata: "by hand" },
      { topic, partition: 1, offset: 0 },
    ]);
    const offsets = await admin.groupOffsets(groupId);
    assert.deepEqual(offsets.map(({ partition, offset, metadata }) => [partition, offset, metadata]).sort(), [
      [0, 1, "by hand"],
      [1, 0, ""],
    ]);
    assert.deepEqual((await admin.groupOffsets(groupId, [{ topic, partition: 1 }])).length, 1);
    const lag = (await admin.groupLag(groupId)).sort((a, b) => a.partition - b.partition);
    assert.deepEqual(
      lag.map((one) => [one.committed, one.endOffset, one.lag]),
      [
        [1, 3, 2],
        [0, 0, 0],
      ],
    );
    await admin.deleteGroupOffsets(groupId, [{ topic, partition: 0 }]);
    assert.deepEqual(
      (await admin.groupOffsets(groupId)).map(({ partition }) => partition),
      [1],
    );
    await admin.deleteGroups([groupId]);
    assert.deepEqual(await admin.groupOffsets(groupId), []);
    await assert.rejects(admin.deleteGroups([groupId]), { code: "GROUP_ID_NOT_FOUND" });
  });

  for (const groupProtocol of target.groupProtocols) {
    test(`a group of the ${groupProtocol} protocol is listed and described with its members`, async (cluster) => {
      const admin = cluster.kafka().admin();
      const topic = await topicWithTimes(cluster, [1]);
      const groupId = cluster.fresh("group");
      const stop = new AbortController();
      const consumer = cluster.kafka().consumer({ groupId, topics: [topic], groupProtocol, signal: stop.signal });
      const stopped = once(stop.signal, "abort");
      const reading = (async () => {
        for await (const batch of consumer) {
          await consumer.commit(batch);
          await stopped;
        }
      })();
      await eventually(async () => {
        const [group] = await admin.describeGroups([groupId]);
        assert.deepEqual([group!.errorCode, group!.type, group!.state], [0, groupProtocol, "Stable"]);
        const [member] = group!.members;
        assert.deepEqual(member?.topics, [topic]);
        assert.deepEqual(
          [...member!.assigned].sort((a, b) => a.partition - b.partition),
          [
            { topic, partition: 0 },
            { topic, partition: 1 },
          ],
        );
      });
      const listed = (await admin.listGroups({ states: ["Stable"] })).find((group) => group.groupId === groupId);
      assert.equal(listed?.protocolType, "consumer");
      await assert.rejects(admin.deleteGroups([groupId]), { code: "NON_EMPTY_GROUP" });
      await assert.rejects(admin.deleteGroupOffsets(groupId, [{ topic, partition: 0 }]), {
        code: "GROUP_SUBSCRIBED_TO_TOPIC",
      });
      await assert.rejects(
        admin.alterGroupOffsets(groupId, [{ topic, partition: 0, offset: 0 }]),
        (error: Error & { code: string }) => error.code === "UNKNOWN_MEMBER_ID",
      );
      stop.abort();
      await reading;
    });
  }

  test("a group that is not there is described as that", async (cluster) => {
    const [group] = await cluster
      .kafka()
      .admin()
      .describeGroups([cluster.fresh("none")]);
    assert.deepEqual([group!.errorCode, group!.members], [69, []]);
  });
}
