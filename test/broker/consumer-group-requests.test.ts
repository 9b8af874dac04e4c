import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Draft } from "../../protocol/field.ts";
import { offsetCommit } from "../../protocol/messages/08-offset-commit.ts";
import { findCoordinator } from "../../protocol/messages/10-find-coordinator.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import {
  type ConsumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatResponse,
  consumerGroupHeartbeat,
} from "../../protocol/messages/68-consumer-group-heartbeat.ts";
import { consumerGroupDescribe } from "../../protocol/messages/69-consumer-group-describe.ts";
import type { BrokerOptions } from "../../src/broker/mod.ts";
import { type Bench, type RawClient, startBench } from "./raw-client.ts";

type Fields = Draft<ConsumerGroupHeartbeatRequest>;

async function start(options: BrokerOptions = {}): Promise<{ bench: Bench; client: RawClient }> {
  const bench = await startBench(options);
  await bench.broker.createTopic("t", { partitions: 2 });
  const asked = await bench.run((await bench.connect()).call(findCoordinator, 4, { coordinatorKeys: ["g"] }));
  return { bench, client: await bench.connect(asked.coordinators[0]!.nodeId) };
}

function beat(bench: Bench, client: RawClient, fields: Fields): Promise<ConsumerGroupHeartbeatResponse> {
  return bench.run(client.call(consumerGroupHeartbeat, 1, { groupId: "g", memberId: "a", ...fields }));
}

const joining = { memberEpoch: 0, rebalanceTimeoutMs: 30_000, subscribedTopicNames: ["t"], topicPartitions: [] };

describe("requests of the consumer group protocol", () => {
  test("tell members how often to speak, and put them out as they were told", async () => {
    const options = { groupConsumerHeartbeatInterval: 700, groupConsumerSessionTimeout: 2_000 };
    const { bench, client } = await start(options);
    const joined = await beat(bench, client, joining);
    assert.deepEqual([joined.errorCode, joined.memberEpoch, joined.heartbeatIntervalMs], [0, 2, 700]);
    await bench.time.advance(1_999);
    assert.equal((await beat(bench, client, { memberEpoch: 2 })).errorCode, 0);
    await bench.time.advance(2_000);
    assert.equal((await beat(bench, client, { memberEpoch: 2 })).errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("are not offered, and refused, where group.version is not finalized", async () => {
    const bench = await startBench({ features: { "group.version": 0 } });
    const client = await bench.connect();
    const software = { clientSoftwareName: "test", clientSoftwareVersion: "1" };
    const { apiKeys } = await bench.run(client.call(apiVersions, 4, software));
    const offered = apiKeys.map(({ apiKey }) => apiKey);
    assert.ok(!offered.includes(consumerGroupHeartbeat.key) && !offered.includes(consumerGroupDescribe.key));
    assert.equal((await beat(bench, client, joining)).errorCode, ErrorCode.UNSUPPORTED_VERSION);
    const asked = await bench.run(client.call(consumerGroupDescribe, 1, { groupIds: ["g"] }));
    assert.equal(asked.groups[0]!.errorCode, ErrorCode.UNSUPPORTED_VERSION);
    assert.deepEqual(bench.broker.groups(), []);
  });

  test("are answered by the coordinator alone, and by the next one as by the last", async () => {
    const { bench, client } = await start({ nodes: 3 });
    await beat(bench, client, joining);
    const coordinator = (): number => bench.broker.groups()[0]!.coordinatorId;
    const next = (coordinator() % 3) + 1;
    const other = await bench.connect(next);
    assert.equal((await beat(bench, other, { memberEpoch: 2 })).errorCode, ErrorCode.NOT_COORDINATOR);
    bench.broker.faults.moveCoordinator("g", next);
    assert.equal((await beat(bench, client, { memberEpoch: 2 })).errorCode, ErrorCode.NOT_COORDINATOR);
    assert.equal((await beat(bench, other, { memberEpoch: 2 })).errorCode, 0);
    await bench.run(bench.broker.faults.stop(next));
    assert.notEqual(coordinator(), next);
    const third = await bench.connect(coordinator());
    assert.equal((await beat(bench, third, { memberEpoch: 2 })).errorCode, 0, "a node that stops takes nothing along");
  });

  test("of a member whose session a test ends are those of nobody", async () => {
    const { bench, client } = await start();
    await beat(bench, client, joining);
    assert.throws(() => bench.broker.faults.expireSession("g", "b"), RangeError);
    bench.broker.faults.expireSession("g", "a");
    assert.equal((await beat(bench, client, { memberEpoch: 2 })).errorCode, ErrorCode.UNKNOWN_MEMBER_ID);
    assert.equal(bench.broker.groups()[0]!.state, "Empty");
  });

  test("show in the summary of the broker's groups", async () => {
    const { bench, client } = await start();
    await beat(bench, client, { ...joining, instanceId: "i" });
    const topicId = bench.broker.topics()[0]!.id;
    const partitions = [{ partitionIndex: 1, committedOffset: 5, committedMetadata: "m" }];
    const commit = { groupId: "g", memberId: "a", generationIdOrMemberEpoch: 2, topics: [{ name: "t", partitions }] };
    await bench.run(client.call(offsetCommit, 9, commit));
    assert.deepEqual(bench.broker.groups(), [
      {
        groupId: "g",
        type: "consumer",
        state: "Stable",
        generationId: 2,
        leaderId: null,
        members: [{ memberId: "a", groupInstanceId: "i", epoch: 2, assigned: [{ topicId, partitions: [0, 1] }] }],
        coordinatorId: 1,
        offsets: [{ topic: "t", partition: 1, offset: 5, leaderEpoch: -1, metadata: "m" }],
      },
    ]);
  });
});
