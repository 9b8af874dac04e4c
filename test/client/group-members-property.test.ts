import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import { ErrorCode } from "../../protocol/errors.ts";
import { sleep } from "../../src/net/clock.ts";
import type { InstanceClock } from "../../src/testing/virtual-clock.ts";
import { type GroupBench, type RecordedMember, startGroup } from "../support/group-bench.ts";

const RUNS = Number(process.env.OTTLA_SIMULATIONS ?? 30);
const SEED = process.env.OTTLA_SEED === undefined ? {} : { seed: Number(process.env.OTTLA_SEED) };
/** Longest time (ms) that a group may take to come to rest: sessions, rebalances, and slow owners, all at their longest. */
const REST = 240_000;
/** A group in which nothing changes for so long (ms) has come to rest: nobody takes longer to let go, or has a longer session. */
const QUIET = 35_000;
const NODES = 3;

type Protocol = "classic" | "consumer";
type Command =
  | { readonly do: "join"; readonly protocol: Protocol; readonly name: number; readonly release: number }
  | { readonly do: "close" | "freeze" | "thaw"; readonly which: number }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "fail"; readonly api: number; readonly code: number; readonly times: number }
  | { readonly do: "cut"; readonly api: number; readonly late: boolean }
  | { readonly do: "delay"; readonly api: number; readonly ms: number }
  | { readonly do: "move"; readonly node: number }
  | { readonly do: "grow" };

const APIS = ["JoinGroup", "SyncGroup", "Heartbeat", "ConsumerGroupHeartbeat", "FindCoordinator", "Metadata"] as const;
const CODES = [
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.REBALANCE_IN_PROGRESS,
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.FENCED_MEMBER_EPOCH,
] as const;
/** What each API can be answered with. */
const ALLOWED: Readonly<Record<(typeof APIS)[number], readonly number[]>> = {
  JoinGroup: CODES.slice(0, 5),
  SyncGroup: CODES.slice(0, 6),
  Heartbeat: CODES.slice(1, 6),
  ConsumerGroupHeartbeat: [...CODES.slice(0, 4), ErrorCode.FENCED_MEMBER_EPOCH],
  FindCoordinator: CODES.slice(0, 2),
  Metadata: [ErrorCode.LEADER_NOT_AVAILABLE],
};

function commands(protocols: readonly Protocol[]): fc.Arbitrary<Command[]> {
  const which = fc.nat(7);
  const api = fc.nat(APIS.length - 1);
  const protocol = fc.constantFrom(...protocols);
  const join = fc.record({ do: fc.constant("join" as const), protocol, name: fc.nat(5), release: fc.nat(20_000) });
  const command = fc.oneof(
    { weight: 4, arbitrary: join },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("close" as const, "freeze" as const), which }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("thaw" as const), which }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat(15_000) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant("fail" as const),
        api,
        code: fc.nat(9),
        times: fc.integer({ min: 1, max: 3 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("cut" as const), api, late: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("delay" as const), api, ms: fc.nat(8_000) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("move" as const), node: fc.integer({ min: 1, max: NODES }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("grow" as const) }) },
  );
  return fc.array(command, { minLength: 4, maxLength: 25 });
}

interface Actor {
  readonly member: RecordedMember;
  readonly protocol: Protocol;
  readonly clock: InstanceClock;
  /** Of a static member. */
  readonly name: string | undefined;
  state: "lives" | "frozen" | "closed";
}

/** A group whose members do as they are told. */
class World {
  readonly #bench: GroupBench;
  readonly actors: Actor[] = [];
  partitions = 4;

  constructor(bench: GroupBench) {
    this.#bench = bench;
  }

  async run(command: Command): Promise<void> {
    const { time, broker } = this.#bench;
    switch (command.do) {
      case "join":
        await this.#beforeConversion(command.protocol);
        return this.#join(command);
      case "close":
      case "freeze":
      case "thaw":
        return this.#change(command.do, this.actors[command.which]);
      case "wait":
        return time.advance(command.ms);
      case "fail": {
        const name = APIS[command.api]!;
        const allowed = ALLOWED[name];
        broker.faults.fail({ api: name, errorCode: allowed[command.code % allowed.length]!, times: command.times });
        return;
      }
      case "cut":
        broker.faults.cut({ api: APIS[command.api]!, when: command.late ? "afterApply" : "beforeApply" });
        return;
      case "delay":
        broker.faults.delay({ api: APIS[command.api]!, ms: command.ms });
        return;
      case "move":
        if (broker.groups().length > 0) broker.faults.moveCoordinator("g", command.node);
        return;
      case "grow":
        if (this.partitions >= 8) return;
        this.partitions += 2;
        return this.#bench
          .run(this.#bench.kafka.admin().createPartitions([{ topic: "t", count: this.partitions }]))
          .catch(() => {
            this.partitions -= 2;
          });
    }
  }

  /**
   * Kafka converts a group by what its leader gave last, and so may give away what a cooperative member was told to let
   * go and has not yet. No client can help that, but by changing protocols while nothing moves.
   */
  async #beforeConversion(protocol: Protocol): Promise<void> {
    const isConverted = this.#bench.broker.groups()[0]?.type === "consumer";
    const hasClassic = this.actors.some((actor) => actor.protocol === "classic" && actor.state === "lives");
    if (protocol === "consumer" && !isConverted && hasClassic) await this.rest();
  }

  #join({ protocol, name, release }: Extract<Command, { do: "join" }>): void {
    // Half of them are static. A name is free again once its member was closed or is frozen.
    const own = name < 3 ? `static-${name}` : undefined;
    const isTaken = this.actors.some((actor) => actor.name === own && actor.state === "lives");
    const groupInstanceId = isTaken ? undefined : own;
    if (this.actors.filter(({ state }) => state === "lives").length >= 5) return;
    const clock = this.#bench.time.instance();
    const member = this.#bench.join(this.#bench.client({ clock }), { groupProtocol: protocol, groupInstanceId });
    member.releaseEach = () => sleep(clock, release);
    this.actors.push({ member, protocol, clock, name: groupInstanceId, state: "lives" });
  }

  async #change(what: "close" | "freeze" | "thaw", actor: Actor | undefined): Promise<void> {
    if (actor === undefined || actor.state === "closed") return;
    if (what === "freeze") actor.clock.pause();
    if (what === "thaw") await this.#beforeConversion(actor.protocol);
    if (what === "thaw") {
      // Whoever comes back to find its name taken is fenced: that is another story.
      if (actor.name !== undefined && this.actors.some((other) => other !== actor && other.name === actor.name)) return;
      actor.clock.resume();
    }
    if (what !== "close") {
      actor.state = what === "freeze" ? "frozen" : "lives";
      return;
    }
    if (actor.state === "frozen") return;
    actor.state = "closed";
    actor.member.owned.clear();
    await this.#bench.run(actor.member.member.close());
  }

  /** Lets time pass until the living have had each partition once for a while; answers whether they do. */
  async rest(): Promise<boolean> {
    const { time } = this.#bench;
    const all = Array.from({ length: this.partitions }, (_, i) => `t/${i}`).join(" ");
    const start = time.elapsed;
    for (let since = start; time.elapsed - start < REST; ) {
      await time.advance(500);
      if (this.owned !== all) since = time.elapsed;
      else if (time.elapsed - since > QUIET) return true;
    }
    return false;
  }

  /** What the living have, each partition as often as it is had. */
  get owned(): string {
    const living = this.actors.filter(({ state }) => state === "lives");
    return living
      .flatMap(({ member }) => [...member.owned])
      .sort()
      .join(" ");
  }
}

async function play(t: { after(fn: () => Promise<void>): void }, list: readonly Command[]): Promise<void> {
  const times = { groupConsumerSessionTimeout: 10_000, groupConsumerHeartbeatInterval: 3_300 };
  const bench = await startGroup(t, { broker: { nodes: NODES, ...times }, latency: 20 });
  const world = new World(bench);
  for (const command of list) await world.run(command);
  bench.broker.faults.clear();
  await world.run({
    do: "join",
    protocol: list.some((c) => c.do === "join" && c.protocol === "classic") ? "classic" : "consumer",
    name: 5,
    release: 0,
  });
  assert.ok(await world.rest(), `the living should have each partition once, and have ${world.owned}`);
  const before = world.owned;
  await bench.time.advance(45_000);
  assert.equal(world.owned, before, "and keep them");
  assert.deepEqual(bench.violations, []);
  for (const { member, state } of world.actors) {
    assert.deepEqual(member.failures.map(String), []);
    if (state === "lives") assert.equal(member.member.lease.isValid, true);
  }
  for (const actor of world.actors) if (actor.state === "frozen") actor.clock.resume();
}

for (const protocols of [["classic"], ["consumer"], ["classic", "consumer"]] as const) {
  test(`members of the ${protocols.join(" and the ")} protocol never share a partition, and lose none`, async () => {
    const property = fc.asyncProperty(commands(protocols), async (list) => {
      const cleanups: (() => Promise<void>)[] = [];
      try {
        await play({ after: (fn) => void cleanups.unshift(fn) }, list);
      } finally {
        for (const cleanup of cleanups) await cleanup();
      }
    });
    // fast-check prints the seed and the shrunk commands of a failure; OTTLA_SEED runs the same again.
    await fc.assert(property, { numRuns: RUNS, ...SEED });
  });
}
