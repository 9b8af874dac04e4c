import assert from "node:assert/strict";
import { ErrorCode } from "../../protocol/errors.ts";
import { leaveGroup } from "../../protocol/messages/13-leave-group.ts";
import { Coordinator } from "../../src/client/coordinator.ts";
import { commitOffsets } from "../../src/client/group-offsets.ts";
import type { GroupProtocol } from "../../src/client/membership.ts";
import type { ConsumerBatch } from "../../src/client/mod.ts";
import { partitionKey } from "../../src/client/topic-partition.ts";
import { conformanceTest, type Declare } from "./conformance-test.ts";
import { GroupLog, startMember as joinGroup, type MemberOptions, type TestMember } from "./group-log.ts";
import { consumerOf, take, values } from "./reading.ts";
import type { Target, TestCluster } from "./target.ts";

/** Longer than any test may last: what happens before has another cause. */
const NEVER = 120_000;

/** Puts a member out of the group, as an administrator can. */
async function expel(cluster: TestCluster, { group }: TestMember): Promise<void> {
  const { key: groupId } = group.coordinator;
  const connection = await new Coordinator(cluster.kafka().cluster, groupId).connection("general");
  const answer = await connection.send(leaveGroup, { groupId, members: [{ memberId: group.membership.memberId }] });
  assert.deepEqual([answer.errorCode, answer.members[0]?.errorCode], [0, 0]);
}

/** Membership that keeps what it may keep, by every protocol that the target has. */
export function groupConformance(target: Target): void {
  for (const groupProtocol of target.groupProtocols) {
    const declare = conformanceTest(target);
    membershipConformance((name, run) => declare(`${name}, ${groupProtocol} protocol`, run), groupProtocol);
  }
}

function membershipConformance(test: Declare, groupProtocol: GroupProtocol): void {
  const isClassic = groupProtocol === "classic";
  const startMember = (
    cluster: TestCluster,
    log: GroupLog,
    name: string,
    groupId: string,
    topics: readonly string[],
    options: MemberOptions = {},
  ): Promise<TestMember> => joinGroup(cluster, log, name, groupId, topics, { groupProtocol, ...options });

  test("a member alone gets all partitions of all its topics", async (cluster) => {
    const topics = [await cluster.topic(4), await cluster.topic(1)];
    const log = new GroupLog();
    await startMember(cluster, log, "one", cluster.fresh("group"), topics);
    await log.shares(5);
    // A coordinator that has not yet heard of a topic as new as these assigns its partitions a moment later.
    assert.ok(
      log.events.every(({ what }) => what === "assigned"),
      JSON.stringify(log.events),
    );
    assert.equal(log.events.flatMap(({ partitions }) => partitions).length, 5, "each partition once");
  });

  test("members that join take their share, and nobody loses what it keeps", async (cluster) => {
    const topic = await cluster.topic(6);
    const group = cluster.fresh("group");
    const log = new GroupLog();
    await startMember(cluster, log, "one", group, [topic]);
    await log.shares(6);
    await startMember(cluster, log, "two", group, [topic]);
    await log.shares(3, 3);
    assert.equal(new Set(log.leftBy("one")).size, 3);
    await startMember(cluster, log, "three", group, [topic]);
    await log.shares(2, 2, 2);
    assert.equal(new Set(log.leftBy("one")).size, 4);
    assert.equal(new Set(log.leftBy("two")).size, 1);
    assert.deepEqual(
      log.events.filter(({ what }) => what === "lost" || what === "failed"),
      [],
    );
  });

  test("more members than partitions: one stands by and takes over", async (cluster) => {
    const topic = await cluster.topic(1);
    const group = cluster.fresh("group");
    const log = new GroupLog();
    const one = await startMember(cluster, log, "one", group, [topic], { sessionTimeout: NEVER });
    await log.shares(1);
    await startMember(cluster, log, "two", group, [topic]);
    await log.until(() => true);
    log.forget("one");
    await one.group.close();
    await log.until(() => log.owned("two").size === 1);
  });

  test("a member that closes hands over at once, before its session ends", async (cluster) => {
    const topic = await cluster.topic(4);
    const group = cluster.fresh("group");
    const log = new GroupLog();
    await startMember(cluster, log, "stays", group, [topic]);
    await log.shares(4);
    const leaves = await startMember(cluster, log, "leaves", group, [topic], { sessionTimeout: NEVER });
    await log.shares(2, 2);
    log.forget("leaves");
    await leaves.group.close();
    await log.until(() => log.owned("stays").size === 4);
    assert.equal(log.leftBy("stays").length, 4, "only the two that it gave up, each revoked and released");
  });

  test("a killed member's partitions move once its session has ended", async (cluster) => {
    const topic = await cluster.topic(4);
    const group = cluster.fresh("group");
    const log = new GroupLog();
    await startMember(cluster, log, "lives", group, [topic]);
    const { kafka, transport } = cluster.unreliableKafka();
    const dies = await startMember(cluster, log, "dies", group, [topic], { kafka });
    await log.shares(2, 2);
    transport.kill();
    log.forget("dies");
    await log.until(() => log.owned("lives").size === 4);
    assert.equal(dies.group.lease.isValid, false, "the dead member's lease ended before its partitions moved");
  });

  test("a revoked partition moves only when its owner has let go", async (cluster) => {
    const topic = await cluster.topic(2);
    const group = cluster.fresh("group");
    const log = new GroupLog();
    let letGo = (): void => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const first = await startMember(cluster, log, "holds", group, [topic], { letGo: () => held });
    await log.shares(2);
    await startMember(cluster, log, "waits", group, [topic]);
    await log.until(() => log.leftBy("holds").length > 0);
    const [moving] = log.leftBy("holds");
    assert.ok(first.group.owns(topic, Number(moving!.split("/")[1])), "it is still its owner's");
    assert.equal(log.owned("waits").size, 0);
    // A third member makes another rebalance while the first still holds on.
    await startMember(cluster, log, "also waits", group, [topic]);
    letGo();
    await log.until(
      () => log.owned("holds").size === 1 && log.owned("waits").size + log.owned("also waits").size === 1,
    );
  });

  test("a member that was put out loses all, joins again, and may not commit as who it was", async (cluster) => {
    const topic = await cluster.topic(2);
    const group = cluster.fresh("group");
    const log = new GroupLog();
    const member = await startMember(cluster, log, "one", group, [topic]);
    await log.shares(2);
    const before = member.group.membership;
    await expel(cluster, member);
    await log.until(() => log.events.some(({ what }) => what === "lost"));
    await log.shares(2);
    assert.deepEqual(
      log.events.map(({ what }) => what),
      ["assigned", "lost", "assigned"],
    );
    const offset = { topic, partition: 0, offset: 1, leaderEpoch: -1, metadata: "" };
    const code = async (membership: typeof before): Promise<number | undefined> =>
      (await commitOffsets(member.group.coordinator, membership, [offset])).get(partitionKey(topic, 0));
    // By the consumer protocol it comes back under the same id.
    assert.equal(await code(before), isClassic ? ErrorCode.UNKNOWN_MEMBER_ID : ErrorCode.STALE_MEMBER_EPOCH);
    const now = member.group.membership;
    const ofThePast = isClassic ? ErrorCode.ILLEGAL_GENERATION : ErrorCode.STALE_MEMBER_EPOCH;
    assert.equal(await code({ ...now, generationId: now.generationId - 1 }), ofThePast);
    assert.equal(await code(now), 0);
  });

  test("members with different topics get partitions of their own topics only", async (cluster) => {
    const [a, b] = [await cluster.topic(3), await cluster.topic(3)];
    const group = cluster.fresh("group");
    const log = new GroupLog();
    await startMember(cluster, log, "a", group, [a]);
    await startMember(cluster, log, "b", group, [b]);
    await log.shares(3, 3);
    assert.ok([...log.owned("a")].every((key) => key.startsWith(a)));
    assert.ok([...log.owned("b")].every((key) => key.startsWith(b)));
  });

  test("a second consumer takes over part of the topic, and each record is read once", async (cluster) => {
    const topic = await cluster.topic(4);
    const groupId = cluster.fresh("group");
    const producer = cluster.kafka().producer();
    const send = (from: number, to: number): Promise<unknown> =>
      producer.sendMany(
        Array.from({ length: to - from }, (_, i) => ({ topic, partition: (from + i) % 4, value: String(from + i) })),
      );
    const seen: string[] = [];
    let total = 0;
    let wake = (): void => {};
    const consume = async (name: string): Promise<void> => {
      const consumer = consumerOf(cluster, { topics: [topic], groupId, groupProtocol }, cluster.otherKafka());
      for await (const batch of consumer) {
        for (const value of values(batch.records)) seen.push(`${name} ${batch.partition} ${value}`);
        total += batch.records.length;
        wake();
        await consumer.commit(batch);
      }
    };
    const until = async (holds: () => boolean): Promise<void> => {
      while (!holds()) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    };
    const running = [consume("one")];
    await send(0, 100);
    await until(() => total === 100);
    running.push(consume("two"));
    // One for each partition at a time, until the second has had some: each is read by whoever owns its partition.
    let sent = 100;
    while (!seen.some((line) => line.startsWith("two"))) {
      await send(sent, sent + 4);
      sent += 4;
      await until(() => total >= sent);
    }
    const numbers = seen.map((line) => Number(line.split(" ")[2]));
    assert.equal(new Set(numbers).size, numbers.length, "a record was read twice though it was committed");
    assert.equal(numbers.length, sent);
    for (const loop of running) loop.catch(() => {});
  });

  test("a consumer that is killed is followed by one that begins at its last commit", async (cluster) => {
    const topic = await cluster.topic(1);
    const groupId = cluster.fresh("group");
    await cluster
      .kafka()
      .producer()
      .sendMany(Array.from({ length: 10 }, (_, i) => ({ topic, value: String(i) })));
    const { kafka, transport } = cluster.unreliableKafka();
    const first = consumerOf(cluster, { topics: [topic], groupId, groupProtocol }, kafka);
    const batches: AsyncIterator<ConsumerBatch> = first[Symbol.asyncIterator]();
    await take(batches, 10);
    await first.commit({ topic, partition: 0, nextOffset: 6, leaderEpoch: -1 });
    transport.kill();
    const next = consumerOf(cluster, { topics: [topic], groupId, groupProtocol }, cluster.otherKafka());
    const rest = await take(next[Symbol.asyncIterator](), 4);
    assert.deepEqual(values(rest.flatMap(({ records }) => records)), ["6", "7", "8", "9"]);
  });
}
