import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { offsetCommit } from "../../protocol/messages/08-offset-commit.ts";
import { joinGroup } from "../../protocol/messages/11-join-group.ts";
import { leaveGroup } from "../../protocol/messages/13-leave-group.ts";
import { syncGroup } from "../../protocol/messages/14-sync-group.ts";
import { consumerGroupHeartbeat } from "../../protocol/messages/68-consumer-group-heartbeat.ts";
import { encodeSubscription } from "../../protocol/messages/consumer-protocol.ts";
import { type Bench, type RawClient, startBench } from "./raw-client.ts";

const RETENTION = 60 * 60 * 1000;
/** Kafka looks every ten minutes. */
const CHECK = 10 * 60 * 1000;
const SESSION = 30 * 60 * 1000;

interface Scene {
  readonly bench: Bench;
  readonly client: RawClient;
  commit(groupId: string, topics: readonly string[], member?: { memberId: string; epoch: number }): Promise<void>;
  /** "group topic", of all offsets that there are. */
  kept(): string[];
}

async function scene(): Promise<Scene> {
  const bench = await startBench({ offsetsRetention: RETENTION, groupConsumerSessionTimeout: SESSION });
  for (const topic of ["t", "u"]) await bench.broker.createTopic(topic, { partitions: 1 });
  const client = await bench.connect();
  return {
    bench,
    client,
    async commit(groupId, topics, member) {
      const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "" }];
      const who = member === undefined ? {} : { memberId: member.memberId, generationIdOrMemberEpoch: member.epoch };
      const body = { groupId, ...who, topics: topics.map((name) => ({ name, partitions })) };
      const answer = await bench.run(client.call(offsetCommit, 9, body));
      for (const topic of answer.topics) assert.equal(topic.partitions[0]!.errorCode, 0);
    },
    kept: () =>
      bench.broker.groups().flatMap(({ groupId, offsets }) => offsets.map(({ topic }) => `${groupId} ${topic}`)),
  };
}

describe("offsets that nobody uses", () => {
  test("go a while after they were committed from outside, and their group with the last", async () => {
    const { bench, commit, kept } = await scene();
    await commit("g", ["t"]);
    await bench.time.advance(RETENTION / 2);
    await commit("g", ["u"]);
    await bench.time.advance(RETENTION / 2 - 1);
    assert.deepEqual(kept(), ["g t", "g u"]);
    await bench.time.advance(CHECK);
    assert.deepEqual(kept(), ["g u"]);
    await bench.time.advance(RETENTION);
    assert.deepEqual(bench.broker.groups(), []);
  });

  test("are kept while a consumer group's members want their topics", async () => {
    const { bench, client, commit, kept } = await scene();
    const beat = (fields: object): Promise<unknown> =>
      bench.run(client.call(consumerGroupHeartbeat, 1, { groupId: "g", memberId: "a", ...fields }));
    await beat({ memberEpoch: 0, rebalanceTimeoutMs: 1000, subscribedTopicNames: ["t"], topicPartitions: [] });
    await commit("g", ["t", "u"], { memberId: "a", epoch: 2 });
    for (let passed = 0; passed <= RETENTION + CHECK; passed += SESSION / 2) {
      await bench.time.advance(SESSION / 2);
      await beat({ memberEpoch: 2 });
    }
    assert.deepEqual(kept(), ["g t"]);
  });

  test("are kept from the time on when a classic group's last member has left", async () => {
    const { bench, client, commit, kept } = await scene();
    const joining = { groupId: "g", sessionTimeoutMs: SESSION, rebalanceTimeoutMs: SESSION, protocolType: "consumer" };
    const protocols = [{ name: "range", metadata: encodeSubscription({ topics: ["t"] }, 1) }];
    const { memberId, generationId } = await bench.run(client.call(joinGroup, 3, { ...joining, protocols }));
    const sync = { groupId: "g", memberId, generationId, assignments: [] };
    await bench.run(client.call(syncGroup, 3, sync));
    const member = { memberId, epoch: generationId };
    await commit("g", ["t", "u"], member);
    for (let passed = 0; passed <= RETENTION + CHECK; passed += SESSION / 2) {
      await bench.time.advance(SESSION / 2);
      await commit("g", [], member);
    }
    assert.deepEqual(kept(), ["g t"], "nobody wants the other");
    await bench.run(client.call(leaveGroup, 3, { groupId: "g", members: [{ memberId }] }));
    await bench.time.advance(RETENTION - CHECK);
    assert.deepEqual(kept(), ["g t"]);
    await bench.time.advance(2 * CHECK);
    assert.deepEqual(kept(), []);
  });
});
