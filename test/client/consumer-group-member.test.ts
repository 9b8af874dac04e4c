import assert from "node:assert/strict";
import { test } from "node:test";
import type { DescribeConfigsRequest } from "../../protocol/messages/32-describe-configs.ts";
import {
  claimed,
  HEARTBEAT,
  heartbeatsOf,
  INTERVAL,
  SESSION,
  startConsumerGroup,
} from "../support/consumer-group-bench.ts";

/** A group, as a resource that has settings. */
const GROUP = 32;
/** As group-bench has it. */
const REBALANCE = 30_000;

test("a member that is alone gets all partitions, and its lease with the first answer", async (t) => {
  const bench = await startConsumerGroup(t);
  const { member, log } = bench.join();
  assert.deepEqual([member.lease.isValid, member.membership.generationId], [false, -1]);
  await bench.time.advance(100);
  assert.deepEqual(log, ["assigned t/0 t/1 t/2 t/3"]);
  assert.equal(member.lease.isValid, true);
  await bench.time.advance(60_000);
  assert.deepEqual([log.length, member.lease.isValid], [1, true], "heartbeats keep it");
  const [group] = bench.broker.groups();
  assert.deepEqual([group!.type, group!.members[0]!.memberId], ["consumer", member.membership.memberId]);
  assert.equal(group!.members[0]!.epoch, member.membership.generationId);
});

test("all is told at first, and then only what has changed, when the broker wants it", async (t) => {
  const bench = await startConsumerGroup(t);
  bench.join();
  await bench.time.advance(1_000);
  const [first, second, ...more] = bench.heartbeats;
  assert.deepEqual(
    [first!.memberEpoch, first!.rebalanceTimeoutMs, first!.subscribedTopicNames, claimed(first!)],
    [0, REBALANCE, ["t"], 0],
  );
  assert.deepEqual([second!.subscribedTopicNames, second!.rebalanceTimeoutMs, claimed(second!)], [null, -1, 4]);
  assert.equal(more.length, 0);
  await bench.time.advance(10 * INTERVAL);
  const later = bench.heartbeats.slice(2);
  assert.equal(later.length, 10);
  for (const heartbeat of later)
    assert.deepEqual(
      [heartbeat.subscribedTopicNames, heartbeat.rebalanceTimeoutMs, claimed(heartbeat)],
      [null, -1, null],
    );
});

test("what a failure may have kept from being heard is told again, all of it", async (t) => {
  for (const when of ["beforeApply", "afterApply"] as const) {
    const bench = await startConsumerGroup(t);
    const member = bench.join();
    await bench.time.advance(1_000);
    bench.broker.faults.cut({ api: HEARTBEAT, when });
    bench.heartbeats.splice(0);
    await bench.time.advance(INTERVAL + 1_000);
    const [, again] = bench.heartbeats;
    assert.deepEqual([again!.subscribedTopicNames, again!.rebalanceTimeoutMs, claimed(again!)], [["t"], REBALANCE, 4]);
    await bench.settle();
    assert.deepEqual([member.log.length, member.failures.length], [1, 0]);
  }
});

test("an answer that was lost when a member joined or was given partitions costs nothing", async (t) => {
  for (let lost = 0; lost < 4; lost++) {
    const bench = await startConsumerGroup(t);
    const first = bench.join();
    if (lost >= 2) await bench.settle();
    const where = (() => {
      let passed = 0;
      return (): boolean => passed++ === lost % 2;
    })();
    bench.broker.faults.cut({ api: HEARTBEAT, when: "afterApply", where });
    const second = bench.join();
    await bench.settle();
    assert.deepEqual([lost, first.owned.size, second.owned.size], [lost, 2, 2]);
    assert.equal(bench.broker.groups()[0]!.members.length, 2, "and nobody is in the group twice");
  }
});

test("S6.1 a second member gets its share once the first has let go; nobody loses what he keeps", async (t) => {
  const bench = await startConsumerGroup(t);
  const first = bench.join();
  await bench.settle();
  const second = bench.join();
  await bench.settle();
  assert.deepEqual([first.owned.size, second.owned.size], [2, 2]);
  assert.equal(first.log.length, 2);
  assert.match(first.log[1]!, /^revoked t\/. t\/.$/);
});

test("S6.1 each partition that is let go is told at once, the others stay claimed meanwhile", async (t) => {
  const bench = await startConsumerGroup(t, { topics: { t: 6 } });
  const first = bench.join();
  await bench.settle();
  const letGo = new Map<string, () => void>();
  first.releaseEach = (key) => new Promise((resolve) => letGo.set(key, resolve));
  const second = bench.join();
  await bench.time.advance(INTERVAL);
  assert.deepEqual([letGo.size, second.owned.size], [3, 0]);
  for (const [i, release] of [...letGo.values()].entries()) {
    await bench.time.advance(4_000);
    bench.heartbeats.splice(0);
    release();
    await bench.time.advance(10);
    assert.equal(claimed(heartbeatsOf(bench, first)[0]!), 5 - i);
    assert.equal(first.owned.size, 5 - i);
  }
  await bench.settle();
  assert.deepEqual([first.owned.size, second.owned.size], [3, 3]);
});

test("S6.1 members that come and go while a partition is let go do not get it", async (t) => {
  const bench = await startConsumerGroup(t, { topics: { t: 6 } });
  const first = bench.join();
  await bench.settle();
  let letGo!: () => void;
  first.release = new Promise((resolve) => {
    letGo = resolve;
  });
  const second = bench.join();
  await bench.time.advance(INTERVAL);
  const third = bench.join();
  await bench.time.advance(10_000);
  assert.deepEqual(
    [first, second, third].map(({ owned }) => owned.size),
    [6, 0, 0],
  );
  letGo();
  await bench.settle();
  assert.deepEqual(
    [first, second, third].map(({ owned }) => owned.size),
    [2, 2, 2],
  );
});

test("S3.5 who does not let go in time has no lease when it is put out, though its heart beats", async (t) => {
  const bench = await startConsumerGroup(t);
  const first = bench.join();
  await bench.settle();
  first.release = new Promise(() => {});
  const second = bench.join();
  await bench.time.advance(INTERVAL);
  while (bench.broker.groups()[0]!.members.length === 2) await bench.time.advance(10);
  assert.equal(first.member.lease.isValid, false);
  first.owned.clear();
  await bench.settle();
  assert.ok(first.log.some((line) => line.startsWith("lost")));
  assert.equal(first.owned.size + second.owned.size, 4);
});

test("S3.5 a member that was frozen finds its lease ended before it learns what it has lost", async (t) => {
  const bench = await startConsumerGroup(t);
  const clock = bench.time.instance();
  const frozen = bench.join(bench.client({ clock }));
  const other = bench.join();
  await bench.settle();
  assert.equal(frozen.owned.size, 2);
  clock.pause();
  while (frozen.member.lease.isValid) await bench.time.advance(100);
  assert.equal(other.owned.size, 2, "the lease ends before anybody else can have them");
  frozen.owned.clear();
  while (other.owned.size < 4) await bench.time.advance(100);
  clock.resume();
  await bench.settle();
  assert.ok(
    frozen.log.some((line) => line.startsWith("lost")),
    frozen.log.join(),
  );
  assert.deepEqual([frozen.owned.size, other.owned.size], [2, 2]);
});

test("close leaves at once; a static member only says that it is away", async (t) => {
  for (const groupInstanceId of [undefined, "one"]) {
    const bench = await startConsumerGroup(t);
    const first = bench.join(bench.client(), { groupInstanceId });
    const second = bench.join();
    await bench.settle();
    await bench.run(first.member.close());
    first.owned.clear();
    assert.equal(bench.heartbeats.at(-1)!.memberEpoch, groupInstanceId === undefined ? -1 : -2);
    await bench.time.advance(SESSION / 2);
    assert.equal(second.owned.size, groupInstanceId === undefined ? 4 : 2);
    await bench.time.advance(SESSION);
    assert.equal(second.owned.size, 4, "it stayed away too long");
  }
});

test("close takes no longer than the goodbye may, whoever does not answer, and ends a first join too", async (t) => {
  const bench = await startConsumerGroup(t);
  const { member } = bench.join();
  await bench.settle();
  await bench.broker.faults.stop(1);
  const begin = bench.time.elapsed;
  await bench.run(member.close());
  assert.ok(bench.time.elapsed - begin <= 5_000);
  await bench.broker.faults.start(1);
  bench.broker.faults.delay({ api: HEARTBEAT, ms: 500 });
  const late = bench.join();
  await bench.time.advance(100);
  await bench.run(late.member.close());
  await bench.time.advance(SESSION * 2);
  assert.deepEqual([late.log, bench.broker.groups()[0]!.members], [[], []]);
});

test("S3.5 the lease is as long as the broker's session, whatever was asked for, which may change", async (t) => {
  const bench = await startConsumerGroup(t);
  const { member } = bench.join(bench.client({ metadataMaxAge: 20_000 }), { sessionTimeout: 600_000 });
  const asked: number[] = [];
  bench.broker.observe(({ api, body }) => {
    if (api === "DescribeConfigs") asked.push((body as DescribeConfigsRequest).resources[0]!.resourceType);
  });
  await bench.settle();
  const ofGroup = asked.filter((type) => type === GROUP).length;
  assert.equal(ofGroup, 1);
  await bench.time.advance(60_000);
  const later = asked.filter((type) => type === GROUP).length - ofGroup;
  assert.ok(later >= 2 && later <= 3, `asked ${later} times`);
  bench.heartbeats.splice(0);
  while (bench.heartbeats.length === 0) await bench.time.advance(10);
  await bench.time.advance(10);
  await bench.broker.faults.stop(1);
  const from = bench.time.elapsed;
  while (member.lease.isValid) await bench.time.advance(10);
  const left = bench.time.elapsed - from;
  assert.ok(left > SESSION - 1_100 && left <= SESSION - 1_000, `${left} ms`);
  await bench.broker.faults.start(1);
});
