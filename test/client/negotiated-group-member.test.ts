import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { type GroupBench, startGroup } from "../support/group-bench.ts";

const typeOf = (bench: GroupBench): string | undefined => bench.broker.groups()[0]?.type;

test("a group speaks the consumer protocol where the cluster has it switched on, else the classic one", async (t) => {
  for (const [level, type] of [
    [1, "consumer"],
    [0, "classic"],
  ] as const) {
    const bench = await startGroup(t, { broker: { features: { "group.version": level } } });
    const { member, log } = bench.join(bench.client(), { groupProtocol: undefined });
    assert.deepEqual([member.membership.generationId, member.owns("t", 0)], [-1, false]);
    await bench.settle();
    assert.deepEqual([log, typeOf(bench)], [["assigned t/0 t/1 t/2 t/3"], type]);
    assert.deepEqual([member.lease.isValid, member.owns("t", 0)], [true, true]);
  }
});

test("a protocol that is asked for is spoken", async (t) => {
  for (const groupProtocol of ["classic", "consumer"] as const) {
    const bench = await startGroup(t);
    bench.join(bench.client(), { groupProtocol });
    await bench.settle();
    assert.equal(typeOf(bench), groupProtocol);
  }
});

test("the consumer protocol, asked for where it is not, is an error that says what is missing", async (t) => {
  const bench = await startGroup(t, { broker: { features: { "group.version": 0 } } });
  const { failures, member } = bench.join(bench.client(), { groupProtocol: "consumer" });
  await bench.time.advance(1_000);
  assert.deepEqual(
    failures.map(({ code, retriable }) => [code, retriable]),
    [["UNSUPPORTED_VERSION", false]],
  );
  assert.match(failures[0]!.message, /kafka:9092.*Kafka 4\.0.*group\.version/);
  assert.equal(member.lease.isValid, false);
});

test("a classic group that may not be converted is joined as it is, unless told otherwise", async (t) => {
  const bench = await startGroup(t, { broker: { groupConsumerMigrationPolicy: "disabled" } });
  const first = bench.join(bench.client(), { groupProtocol: "classic" });
  await bench.settle();
  const second = bench.join(bench.client(), { groupProtocol: undefined });
  await bench.settle();
  assert.deepEqual([first.owned.size, second.owned.size, second.failures], [2, 2, []]);
  const third = bench.join(bench.client(), { groupProtocol: "consumer" });
  await bench.settle();
  assert.deepEqual(
    third.failures.map(({ code }) => code),
    ["GROUP_ID_NOT_FOUND"],
  );
});

test("a coordinator that is looked for or away delays the choice, and is told as trouble", async (t) => {
  const bench = await startGroup(t, { broker: { features: { "group.version": 1 } } });
  const { faults } = bench.broker;
  faults.fail({ api: "FindCoordinator", errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE, times: 5 });
  const { owned, troubles } = bench.join(bench.client(), { groupProtocol: undefined });
  await bench.settle();
  assert.deepEqual([owned.size, troubles.length], [4, 1]);
});

test("close before the choice is made ends it", async (t) => {
  const bench = await startGroup(t);
  bench.broker.faults.delay({ api: "FindCoordinator", ms: 1_000 });
  const { member, log } = bench.join(bench.client(), { groupProtocol: undefined });
  await bench.time.advance(100);
  await bench.run(member.close());
  await bench.time.advance(10_000);
  assert.deepEqual([log, bench.broker.groups().flatMap(({ members }) => members)], [[], []]);
});
