import assert from "node:assert/strict";
import type { GroupProtocol } from "../../src/client/membership.ts";
import type { Consumer } from "../../src/client/mod.ts";
import { conformanceTest, type Declare } from "./conformance-test.ts";
import { GroupLog, startMember, type TestMember } from "./group-log.ts";
import { consumerOf, values } from "./reading.ts";
import type { Target, TestCluster } from "./target.ts";

/** Longer than any test may last: what happens before has another cause. */
const NEVER = 120_000;
/** A session longer than a restart takes, with heartbeats that tell of a rebalance in time. */
const LONG_ABSENCE = 12_000;

/** Static members, and groups that change their protocol or assignor while they work. */
export function groupChangesConformance(target: Target): void {
  const test = conformanceTest(target);
  for (const groupProtocol of target.groupProtocols)
    staticConformance((name, run) => test(`${name}, ${groupProtocol} protocol`, run), groupProtocol);
  test("a member that is told no protocol speaks the newest that the cluster has switched on", async (cluster) => {
    const log = new GroupLog();
    const topics = [await cluster.topic(2)];
    const own = { groupProtocol: undefined };
    const { group } = await startMember(cluster, log, "one", cluster.fresh("group"), topics, own);
    await log.shares(2);
    assert.equal(group.membership.protocol ?? "classic", target.groupProtocols.at(-1));
  });
  classicStaticConformance(test);
  assignorConformance(test);
  if (target.groupProtocols.length > 1) {
    consumerStaticConformance(test);
    rollingConformance(test);
  }
}

async function close(log: GroupLog, { name, group }: TestMember): Promise<void> {
  log.forget(name);
  await group.close();
}

function staticConformance(test: Declare, groupProtocol: GroupProtocol): void {
  test("S6.3 nothing moves while a static member is away, and it comes back to what it had", async (cluster) => {
    const topic = await cluster.topic(4);
    const group = cluster.fresh("group");
    const log = new GroupLog();
    const sessionTimeout = LONG_ABSENCE;
    const start = (name: string): Promise<TestMember> =>
      startMember(cluster, log, name, group, [topic], { groupProtocol, groupInstanceId: name, sessionTimeout });
    await start("stays");
    await log.shares(4);
    const restarts = await start("restarts");
    await log.shares(2, 2);
    const before = [...log.owned("restarts")].sort();
    const events = log.events.length;
    await close(log, restarts);
    await start("restarts");
    await log.until(() => log.owned("restarts").size === 2);
    assert.deepEqual([...log.owned("restarts")].sort(), before);
    assert.deepEqual(
      log.events.slice(events).map(({ member, what }) => `${member} ${what}`),
      ["restarts assigned"],
    );
  });
}

function classicStaticConformance(test: Declare): void {
  const groupProtocol = "classic";

  test("S6.3 the name of a static member that was killed is taken over at once, classic protocol", async (cluster) => {
    const topic = await cluster.topic(2);
    const group = cluster.fresh("group");
    const log = new GroupLog();
    const named = { groupProtocol, groupInstanceId: "one", sessionTimeout: NEVER } as const;
    const { kafka, transport } = cluster.unreliableKafka();
    await startMember(cluster, log, "killed", group, [topic], { ...named, kafka });
    await log.shares(2);
    transport.kill();
    log.forget("killed");
    await startMember(cluster, log, "next", group, [topic], named);
    await log.until(() => log.owned("next").size === 2);
  });

  test("S6.3 of two with one name the older is fenced: it loses all, and ends", async (cluster) => {
    const topic = await cluster.topic(2);
    const group = cluster.fresh("group");
    const log = new GroupLog();
    const named = { groupProtocol, groupInstanceId: "one" } as const;
    const older = await startMember(cluster, log, "older", group, [topic], named);
    await log.shares(2);
    log.forget("older");
    await startMember(cluster, log, "newer", group, [topic], named);
    await log.until(() => log.events.some(({ what }) => what === "failed"));
    const failed = log.events.find(({ what }) => what === "failed")!;
    assert.deepEqual([failed.member, failed.error?.code], ["older", "FENCED_INSTANCE_ID"]);
    assert.match(failed.error!.message, /static member one of group .*groupInstanceId of its own/);
    assert.equal(older.group.owns(topic, 0), false);
    assert.equal(older.group.lease.isValid, false);
    assert.equal(log.owned("newer").size, 2);
  });
}

function consumerStaticConformance(test: Declare): void {
  test("S6.3 a name that another has is waited for, and told as busy, consumer protocol", async (cluster) => {
    const topic = await cluster.topic(2);
    const group = cluster.fresh("group");
    const log = new GroupLog();
    const named = { groupProtocol: "consumer", groupInstanceId: "one" } as const;
    const first = await startMember(cluster, log, "first", group, [topic], named);
    await log.shares(2);
    await startMember(cluster, log, "second", group, [topic], named);
    await log.until(() => log.events.some(({ what }) => what === "busy"));
    assert.equal(log.owned("second").size, 0);
    await close(log, first);
    await log.until(() => log.owned("second").size === 2);
    assert.deepEqual(
      log.events.filter(({ what }) => what === "failed"),
      [],
    );
  });
}

function rollingConformance(test: Declare): void {
  for (const [from, to] of [
    ["classic", "consumer"],
    ["consumer", "classic"],
  ] as const) {
    test(`a group goes from the ${from} to the ${to} protocol one member at a time`, async (cluster) => {
      const topic = await cluster.topic(6);
      const group = cluster.fresh("group");
      const log = new GroupLog();
      const start = (name: string, groupProtocol: GroupProtocol): Promise<TestMember> =>
        startMember(cluster, log, name, group, [topic], { groupProtocol });
      const old = [await start("old one", from)];
      await log.shares(6);
      old.push(await start("old two", from));
      await log.shares(3, 3);
      await start("new one", to);
      await log.shares(2, 2, 2);
      await close(log, old[0]!);
      await log.until(() => log.owned("new one").size === 3 && log.owned("old two").size === 3);
      await start("new two", to);
      await log.until(() => ["new one", "new two", "old two"].every((name) => log.owned(name).size === 2));
      const before = log.events.length;
      await close(log, old[1]!);
      await log.until(() => ["new one", "new two"].every((name) => log.owned(name).size === 3));
      // With the last one of the consumer protocol the group's generation goes: who asks by it just then has lost all.
      const mayLose = (i: number): boolean => to === "classic" && i >= before;
      assert.deepEqual(
        log.events.filter(({ what }, i) => what === "failed" || (what === "lost" && !mayLose(i))),
        [],
      );
    });
  }

  test("consumers that change to the consumer protocol one at a time read on, each record once", async (cluster) => {
    const roll = await startRoll(cluster);
    for (const protocol of ["consumer", "consumer"] as const) await roll.replaceOldest(protocol);
    assert.equal(new Set(roll.seen).size, roll.seen.length, "a record was read twice though it was committed");
    await roll.end();
  });

  test("consumers that change back to the classic protocol one at a time read on, and miss nothing", async (cluster) => {
    const roll = await startRoll(cluster);
    // When the last one of the consumer protocol leaves, brokers give the group another generation, and its members lose
    // what they have: what they had not committed is read twice then.
    for (const protocol of ["consumer", "consumer", "classic", "classic"] as const) await roll.replaceOldest(protocol);
    await roll.end();
  });
}

/** Two classic consumers of one topic, which are replaced one at a time while records are sent. */
async function startRoll(cluster: TestCluster): Promise<{
  /** Values of the records that were committed, in the order in which they were. */
  readonly seen: readonly string[];
  replaceOldest(protocol: GroupProtocol): Promise<void>;
  end(): Promise<void>;
}> {
  const topic = await cluster.topic(4);
  const groupId = cluster.fresh("group");
  const producer = cluster.kafka().producer();
  const seen: string[] = [];
  const wanted = new Set<string>();
  let sent = 0;
  let wake = (): void => {};
  let failure: unknown;
  const read = async (consumer: Consumer): Promise<void> => {
    for await (const batch of consumer) {
      try {
        await consumer.commit(batch);
      } catch (error) {
        if ((error as { readonly code?: string }).code !== "NOT_OWNED") throw error;
        continue;
      }
      for (const value of values(batch.records)) {
        seen.push(value!);
        wanted.delete(value!);
      }
      wake();
    }
  };
  const start = (groupProtocol: GroupProtocol): { readonly consumer: Consumer; readonly done: Promise<void> } => {
    const consumer = consumerOf(cluster, { topics: [topic], groupId, groupProtocol }, cluster.otherKafka());
    const done = read(consumer).catch((error: unknown) => {
      failure = error;
      wake();
    });
    return { consumer, done };
  };
  const more = async (): Promise<void> => {
    const records = Array.from({ length: 8 }, (_, i) => ({ topic, partition: i % 4, value: String(sent + i) }));
    sent += records.length;
    for (const { value } of records) wanted.add(value);
    await producer.sendMany(records);
    while (wanted.size > 0) {
      if (failure !== undefined) throw failure;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  let running = [start("classic"), start("classic")];
  await more();
  return {
    seen,
    async replaceOldest(protocol) {
      const [oldest, ...others] = running;
      running = [...others, start(protocol)];
      await more();
      await oldest!.consumer.close();
      await oldest!.done;
      await more();
    },
    async end() {
      await Promise.all(running.map(({ consumer }) => consumer.close()));
      await Promise.all(running.map(({ done }) => done));
    },
  };
}

function assignorConformance(test: Declare): void {
  const groupProtocol = "classic";

  test("a group cut by ranges takes everything from everybody before it gives", async (cluster) => {
    const [t, u] = [await cluster.topic(2), await cluster.topic(2)];
    const group = cluster.fresh("group");
    const log = new GroupLog();
    await startMember(cluster, log, "one", group, [t, u], { groupProtocol, assignors: ["range"] });
    await log.shares(4);
    await startMember(cluster, log, "two", group, [t, u], { groupProtocol, assignors: ["range"] });
    await log.shares(2, 2);
    assert.equal(new Set(log.leftBy("one")).size, 4);
    for (const member of ["one", "two"]) {
      const numbers = [...log.owned(member)].map((key) => key.split("/")[1]);
      assert.equal(new Set(numbers).size, 1, "partitions of one number go together");
    }
  });

  test("a group goes from ranges to cooperative-sticky by two rounds of restarts", async (cluster) => {
    const topic = await cluster.topic(4);
    const group = cluster.fresh("group");
    const log = new GroupLog();
    const start = (name: string, ...assignors: ("range" | "cooperative-sticky")[]): Promise<TestMember> =>
      startMember(cluster, log, name, group, [topic], { groupProtocol, assignors });
    let members = [await start("a0", "range"), await start("b0", "range")];
    await log.shares(2, 2);
    for (const [round, assignors] of [
      ["1", ["range", "cooperative-sticky"]],
      ["2", ["cooperative-sticky"]],
    ] as const) {
      for (const name of [`a${round}`, `b${round}`]) {
        await close(log, members.shift()!);
        members = [...members, await start(name, ...assignors)];
        await log.until(() => members.every((member) => log.owned(member.name).size === 2));
      }
    }
    const before = log.events.length;
    await start("c", "cooperative-sticky");
    await log.until(() => log.owned("c").size === 1);
    const moved = log.events.slice(before).flatMap(({ what, partitions }) => (what === "revoked" ? partitions : []));
    assert.equal(moved.length, 1, "one had to move");
    assert.deepEqual(
      log.events.filter(({ what }) => what === "lost" || what === "failed"),
      [],
    );
  });
}
