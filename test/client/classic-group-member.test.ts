import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { JoinGroupRequest } from "../../protocol/messages/11-join-group.ts";
import { decodeSubscription } from "../../protocol/messages/consumer-protocol.ts";
import { startGroup } from "../support/group-bench.ts";

const SESSION = 10_000;
const all = (count: number): string[] => Array.from({ length: count }, (_, i) => `t/${i}`);

test("a member that is alone gets all partitions, and its lease with its first heartbeat", async (t) => {
  const bench = await startGroup(t);
  const { member, log, owned } = bench.join();
  assert.equal(member.lease.isValid, false);
  await bench.time.advance(500);
  assert.deepEqual(log, ["assigned t/0 t/1 t/2 t/3"]);
  assert.equal(member.lease.isValid, true);
  assert.deepEqual([member.owns("t", 3), member.owns("t", 4)], [true, false]);
  assert.equal(owned.size, 4);
  assert.equal(member.membership.generationId, 1);
  await bench.time.advance(60_000);
  assert.deepEqual([log.length, member.lease.isValid], [1, true], "heartbeats keep it");
  assert.equal(bench.broker.groups()[0]!.members[0]!.memberId, member.membership.memberId);
});

test("S6.1 a second member gets its share once the first has let go; nobody loses what he keeps", async (t) => {
  const bench = await startGroup(t);
  const first = bench.join();
  await bench.settle();
  const second = bench.join();
  const took = await bench.settle();
  assert.deepEqual([first.owned.size, second.owned.size], [2, 2]);
  assert.equal(first.log.length, 2);
  assert.match(first.log[1]!, /^revoked t\/. t\/.$/);
  assert.ok(took < SESSION, `${took} ms`);
});

test("two members of one client do not wait for each other's joins", async (t) => {
  const bench = await startGroup(t, { topics: { t: 6 } });
  for (let i = 0; i < 3; i++) bench.join(bench.kafka);
  const took = await bench.settle();
  assert.deepEqual(
    bench.everybody.map(({ owned }) => owned.size),
    [2, 2, 2],
  );
  assert.ok(took < SESSION, `${took} ms`);
});

test("S6.1 a rebalance that begins while a partition is let go is joined still claiming it", async (t) => {
  const bench = await startGroup(t, { topics: { t: 6 } });
  const claims: number[] = [];
  const first = bench.join();
  await bench.settle();
  let letGo!: () => void;
  first.release = new Promise((resolve) => {
    letGo = resolve;
  });
  bench.broker.observe(({ api, body }) => {
    const { memberId, protocols } = body as JoinGroupRequest;
    if (api !== "JoinGroup" || memberId !== first.member.membership.memberId) return;
    claims.push(
      decodeSubscription(protocols[0]!.metadata).ownedPartitions.flatMap(({ partitions }) => partitions).length,
    );
  });
  const second = bench.join();
  await bench.settle();
  const third = bench.join();
  await bench.settle();
  assert.ok(claims.length >= 2 && claims.every((count) => count === 6), `${claims}`);
  assert.equal(first.owned.size, 6);
  assert.deepEqual([second.owned.size, third.owned.size], [0, 0]);
  assert.equal(first.member.owns("t", 0), true);
  letGo();
  await bench.settle();
  assert.deepEqual(
    [first, second, third].map(({ owned }) => owned.size),
    [2, 2, 2],
  );
});

test("S6.2 a member whose session ended loses all, and joins anew", async (t) => {
  const bench = await startGroup(t);
  const { member, log } = bench.join();
  await bench.settle();
  bench.broker.faults.expireSession("g", member.membership.memberId);
  await bench.settle();
  assert.deepEqual(log, ["assigned t/0 t/1 t/2 t/3", "lost t/0 t/1 t/2 t/3", "assigned t/0 t/1 t/2 t/3"]);
  assert.equal(member.lease.isValid, true);
});

test("S3.5 a member that was frozen finds its lease ended before it learns what it has lost", async (t) => {
  const bench = await startGroup(t);
  const clock = bench.time.instance();
  const frozen = bench.join(bench.client({ clock }));
  const other = bench.join();
  await bench.settle();
  assert.equal(frozen.owned.size, 2);
  clock.pause();
  const { lease } = frozen.member;
  while (lease.isValid) await bench.time.advance(100);
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

test("S3.5 heartbeats go on while a join is pending, and hold the lease", async (t) => {
  const bench = await startGroup(t);
  const clock = bench.time.instance();
  const other = bench.join(bench.client({ clock }));
  const { member, log } = bench.join();
  await bench.settle();
  clock.pause();
  other.owned.clear();
  member.topicsChanged();
  let beats = 0;
  let answered = false;
  bench.broker.observe(({ api, body }) => {
    if (api === "Heartbeat" && (body as { memberId: string }).memberId === member.membership.memberId) beats += 1;
  });
  const { generationId } = member.membership;
  while (!answered) {
    await bench.time.advance(100);
    assert.equal(member.lease.isValid, true, `${bench.time.elapsed}`);
    answered = member.membership.generationId > generationId;
    if (bench.time.elapsed > 200_000) throw new Error("the join is never answered");
  }
  assert.ok(beats >= 2, `${beats} heartbeats`);
  assert.ok(!log.some((line) => line.startsWith("lost")));
  await bench.settle();
  clock.resume();
});

test("a coordinator that moves costs nothing", async (t) => {
  const bench = await startGroup(t, { broker: { nodes: 3 } });
  const { log } = bench.join();
  bench.join();
  await bench.settle();
  const before = log.length;
  for (const node of [2, 3, 1]) {
    bench.broker.faults.moveCoordinator("g", node);
    await bench.settle();
  }
  assert.deepEqual(log.slice(before), []);
  assert.equal(
    bench.everybody.reduce((sum, { owned }) => sum + owned.size, 0),
    4,
  );
});

test("a coordinator that goes down is looked for, and the session survives", async (t) => {
  const bench = await startGroup(t, { broker: { nodes: 2 } });
  const { log, member } = bench.join();
  await bench.settle();
  await bench.broker.faults.stop(bench.broker.groups()[0]!.coordinatorId);
  await bench.settle();
  assert.deepEqual(log, ["assigned t/0 t/1 t/2 t/3"]);
  assert.equal(member.lease.isValid, true);
});

test("a heartbeat that hangs leaves time for others before the session ends", async (t) => {
  const bench = await startGroup(t);
  const { log, member } = bench.join();
  await bench.settle();
  bench.broker.faults.drop({ api: "Heartbeat" });
  for (let i = 0; i < 200; i++) {
    await bench.time.advance(100);
    assert.equal(member.lease.isValid, true);
  }
  assert.equal(log.length, 1);
});

test("refusals that pass delay a member's first join and do not end it", async (t) => {
  const apis = ["FindCoordinator", "JoinGroup", "SyncGroup", "Heartbeat", "Metadata"];
  const codes = [
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.NOT_COORDINATOR,
    ErrorCode.REBALANCE_IN_PROGRESS,
  ];
  for (const api of apis) {
    const bench = await startGroup(t);
    const { faults } = bench.broker;
    if (api !== "Metadata" && api !== "FindCoordinator") for (const errorCode of codes) faults.fail({ api, errorCode });
    if (api === "FindCoordinator") for (const errorCode of codes.slice(0, 2)) faults.fail({ api, errorCode });
    faults.cut({ api, when: "beforeApply" });
    faults.cut({ api, when: "afterApply" });
    const { owned, failures } = bench.join();
    await bench.settle();
    assert.deepEqual([api, [...owned].sort(), failures], [api, all(4), []]);
  }
});

test("what the coordinator says of a generation or member that is gone is understood", async (t) => {
  const bench = await startGroup(t);
  const { log, member } = bench.join();
  await bench.settle();
  const { memberId } = member.membership;
  bench.broker.faults.fail({ api: "Heartbeat", errorCode: ErrorCode.ILLEGAL_GENERATION });
  await bench.settle();
  assert.deepEqual(log.splice(1), ["lost t/0 t/1 t/2 t/3", "assigned t/0 t/1 t/2 t/3"]);
  assert.equal(member.membership.memberId, memberId, "the id is kept");
  bench.broker.faults.fail({ api: "Heartbeat", errorCode: ErrorCode.REBALANCE_IN_PROGRESS });
  await bench.settle();
  assert.deepEqual(log.splice(1), [], "a rebalance alone takes nothing");
  bench.broker.faults.fail({ api: "Heartbeat", errorCode: ErrorCode.UNKNOWN_MEMBER_ID });
  await bench.settle();
  assert.deepEqual(log.splice(1), ["lost t/0 t/1 t/2 t/3", "assigned t/0 t/1 t/2 t/3"]);
});

test("what is said of an older generation, or while joining, changes nothing", async (t) => {
  const bench = await startGroup(t);
  const { log, member } = bench.join();
  await bench.settle();
  const { generationId } = member.membership;
  member.refused(ErrorCode.UNKNOWN_MEMBER_ID, generationId - 1);
  member.refused(ErrorCode.ILLEGAL_GENERATION, generationId - 1);
  member.refused(ErrorCode.OFFSET_METADATA_TOO_LARGE, generationId);
  await bench.settle();
  assert.deepEqual([log.length, member.membership.generationId], [1, generationId]);
});

test("a refusal that does not pass ends the membership, once, and all is lost", async (t) => {
  const bench = await startGroup(t);
  const { log, failures, member } = bench.join();
  await bench.settle();
  bench.broker.faults.fail({ api: "JoinGroup", errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED, times: 9 });
  member.topicsChanged();
  await bench.settle();
  assert.deepEqual(
    failures.map(({ code }) => code),
    ["GROUP_AUTHORIZATION_FAILED"],
  );
  assert.match(failures[0]!.message, /join of group g/);
  assert.equal(log.at(-1), "lost t/0 t/1 t/2 t/3");
  assert.equal(member.lease.isValid, false);
});

test("close leaves at once: the others need not wait for a session to end", async (t) => {
  const bench = await startGroup(t);
  const first = bench.join();
  const second = bench.join();
  await bench.settle();
  await bench.run(first.member.close());
  first.owned.clear();
  assert.equal(bench.broker.groups()[0]!.members.length, 1);
  const took = await bench.settle();
  assert.equal(second.owned.size, 4);
  assert.ok(took < SESSION, `${took}`);
  assert.equal(first.member.lease.isValid, false);
});

test("close while the first join is pending takes the member out too", async (t) => {
  const bench = await startGroup(t, { broker: { groupInitialRebalanceDelay: 3_000 } });
  const { member, log } = bench.join();
  await bench.time.advance(1_000);
  await bench.run(member.close());
  assert.deepEqual(bench.broker.groups()[0]!.members, []);
  await bench.time.advance(10_000);
  assert.deepEqual(log, []);
});

test("a member that is closed while it connects joins nothing any more", async (t) => {
  for (let closedAt = 100; closedAt <= 1_500; closedAt += 200) {
    const bench = await startGroup(t);
    bench.broker.faults.delay({ api: "ApiVersions", ms: 200 });
    let isClosed = false;
    const joinsAfter: number[] = [];
    bench.broker.observe(({ api }) => {
      if (isClosed && api === "JoinGroup") joinsAfter.push(bench.time.elapsed);
    });
    const { member } = bench.join();
    await bench.time.advance(closedAt);
    isClosed = true;
    await bench.run(member.close());
    await bench.time.advance(5_000);
    assert.deepEqual(joinsAfter, [], `closed at ${closedAt}`);
    assert.deepEqual(bench.broker.groups()[0]?.members ?? [], []);
  }
});

test("close takes no longer than the goodbye may, whoever does not answer", async (t) => {
  const bench = await startGroup(t);
  const { member } = bench.join();
  await bench.settle();
  await bench.broker.faults.stop(1);
  const start = bench.time.elapsed;
  await bench.run(member.close());
  assert.ok(bench.time.elapsed - start <= 5_000, `${bench.time.elapsed - start}`);
  await bench.broker.faults.start(1);
});

test("a topic whose partition count changes is shared out anew when metadata tells of it", async (t) => {
  const bench = await startGroup(t, { kafka: { metadataMaxAge: 20_000 } });
  const first = bench.join();
  const second = bench.join();
  await bench.settle();
  await bench.broker.deleteTopic("t");
  await bench.broker.createTopic("t", { partitions: 6 });
  await bench.time.advance(25_000);
  await bench.settle();
  assert.deepEqual([...first.owned, ...second.owned].sort(), all(6));
  assert.deepEqual([first.owned.size, second.owned.size], [3, 3]);
});

test("members that want other topics share those that both want", async (t) => {
  const bench = await startGroup(t, { topics: { t: 2, u: 2, v: 2 } });
  const first = bench.join(bench.client(), { topics: () => ["t", "u"] });
  const second = bench.join(bench.client(), { topics: () => ["u", "v"] });
  await bench.settle();
  assert.equal(first.owned.size, 3);
  assert.equal(second.owned.size, 3);
  assert.ok([...first.owned].every((key) => !key.startsWith("v/")));
  assert.ok([...second.owned].every((key) => !key.startsWith("t/")));
});

test("a group churns, and each partition has one owner at any time and in the end", async (t) => {
  const bench = await startGroup(t, { topics: { t: 7 }, seed: 11, latency: 30 });
  for (let i = 0; i < 12; i++) {
    bench.join();
    await bench.time.advance(Math.floor(bench.time.random() * 4_000));
    if (i % 3 === 2) {
      const leaving = bench.everybody[Math.floor(bench.time.random() * bench.everybody.length)]!;
      leaving.owned.clear();
      await bench.run(leaving.member.close());
    }
  }
  await bench.settle();
  const owned = bench.everybody.flatMap((one) => [...one.owned]);
  assert.deepEqual(owned.sort(), all(7));
});

for (const who of ["a member", "a leader"]) {
  test(`S6.3 what ${who} that died was about to let go is not left to nobody by whoever takes its name`, async (t) => {
    const bench = await startGroup(t, { topics: { t: 4, u: 1 } });
    const clock = bench.time.instance();
    // The first one leads, and has no part in what moves.
    if (who === "a member") bench.join(undefined, { topics: () => ["u"] });
    await bench.settle();
    const victim = bench.join(bench.client({ clock }), { groupInstanceId: "one" });
    await bench.settle();
    victim.release = new Promise(() => {});
    const other = bench.join();
    const { length } = victim.log;
    while (victim.log.length === length) await bench.time.advance(1);
    assert.match(victim.log.at(-1)!, /^revoked/);
    clock.freeze();
    victim.owned.clear();
    const heir = bench.join(undefined, { groupInstanceId: "one" });
    await bench.settle();
    assert.deepEqual([heir.owned.size, other.owned.size], [2, 2]);
  });
}
