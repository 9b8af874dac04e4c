import assert from "node:assert/strict";
import { ErrorCode } from "../../protocol/errors.ts";
import { sleep } from "../../src/net/clock.ts";
import type { InstanceClock } from "../../src/testing/virtual-clock.ts";
import { type GroupBench, type RecordedMember, startGroup } from "./group-bench.ts";

/** Milliseconds after which a classic group, where nothing else happens, finds that its topic has grown. */
const METADATA_MAX_AGE = 60_000;
/**
 * Longest time (ms) that a group may take to come to rest: sessions, rebalances, slow owners, and those who have not heard
 * of new partitions, all at their longest.
 */
const REST = 240_000;
/** A group in which nothing changes for so long (ms) has come to rest: nobody takes longer to let go, or has a longer session. */
const QUIET = 35_000;
/** The most milliseconds that a chunk takes on its way. */
const LATENCY = 20;
const TIMES = { groupConsumerSessionTimeout: 10_000, groupConsumerHeartbeatInterval: 3_300 };
export const NODES = 3;

export type Protocol = "classic" | "consumer";
export type Command =
  | { readonly do: "join"; readonly protocol: Protocol; readonly name: number; readonly release: number }
  | { readonly do: "close" | "freeze" | "thaw" | "swap"; readonly which: number }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "fail"; readonly api: number; readonly code: number; readonly times: number }
  | { readonly do: "cut"; readonly api: number; readonly late: boolean }
  | { readonly do: "delay"; readonly api: number; readonly ms: number }
  | { readonly do: "move"; readonly node: number }
  | { readonly do: "grow" };

export const APIS = [
  "JoinGroup",
  "SyncGroup",
  "Heartbeat",
  "ConsumerGroupHeartbeat",
  "FindCoordinator",
  "Metadata",
] as const;
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

interface Actor {
  readonly member: RecordedMember;
  readonly protocol: Protocol;
  readonly clock: InstanceClock;
  /** Of a static member. */
  readonly name: string | undefined;
  state: "lives" | "frozen" | "closed";
}

/** Whether it may have partitions by the classic protocol and does not answer: nothing tells it to let go. */
function isFrozenOwner({ protocol, state, member }: Actor): boolean {
  return protocol === "classic" && state === "frozen" && member.member.lease.isValid;
}

/** A group whose members do as they are told. */
class World {
  readonly #bench: GroupBench;
  readonly actors: Actor[] = [];
  partitions = 4;
  #longestDelay = 0;
  #delayedAt = Number.NEGATIVE_INFINITY;

  constructor(bench: GroupBench) {
    this.#bench = bench;
  }

  async run(command: Command): Promise<void> {
    const { time, broker } = this.#bench;
    switch (command.do) {
      case "join":
        return this.#join(command);
      case "swap":
        return this.#swap(this.#actor(command.which));
      case "close":
      case "freeze":
      case "thaw":
        return this.#change(command.do, this.#actor(command.which));
      case "wait":
        return time.advance(command.ms);
      case "fail": {
        const name = APIS[command.api]!;
        const allowed = ALLOWED[name];
        // A broker that says that a rebalance goes on has heard the heartbeat, and the session begins again.
        const when = name === "Heartbeat" ? "afterApply" : "beforeApply";
        const errorCode = allowed[command.code % allowed.length]!;
        const where = (): boolean => !this.#locksOut(name, errorCode);
        broker.faults.fail({ api: name, errorCode, times: command.times, when, where });
        return;
      }
      case "cut":
        broker.faults.cut({ api: APIS[command.api]!, when: command.late ? "afterApply" : "beforeApply" });
        return;
      case "delay":
        this.#longestDelay = Math.max(this.#longestDelay, command.ms);
        this.#delay(APIS[command.api]!, command.ms);
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
   * Kafka converts a group by what its members are to have, and so may give away what a cooperative member was told to
   * let go and has not yet. No client can help that, but by changing protocols while nothing moves: from before the
   * first member of the newer protocol comes, until the coordinator has heard of it, which may be long after.
   */
  async #come(protocol: Protocol, come: () => void): Promise<void> {
    const living = this.actors.filter(({ state }) => state === "lives");
    const isMixed = this.actors.some(
      (actor) => actor.protocol !== protocol && (actor.state === "lives" || isFrozenOwner(actor)),
    );
    // Whoever it knows and does not live makes it go back to the older protocol soon.
    if (protocol === "consumer" && !living.some((actor) => this.#isKnown(actor))) {
      await this.#until(() => !this.actors.some(isFrozenOwner));
      if (isMixed) await this.rest();
      // A static one whose first answer is lost finds its name taken, by itself. When its session ends the group goes
      // back, and is converted again at once.
      if (isMixed) this.#bench.broker.faults.clear();
    }
    const areHeard = (): boolean =>
      this.actors.every((actor) => actor.protocol === "classic" || actor.state !== "lives" || this.#isKnown(actor));
    if (isMixed && protocol === "classic") await this.#until(areHeard);
    come();
    if (isMixed) await this.#until(areHeard);
  }

  /**
   * Delays that end the session of the only member of the newer protocol make the group go back, and be converted again
   * by its next heartbeat: where there are members of both, they are short, and far enough from each other.
   */
  #delay(api: (typeof APIS)[number], ms: number): void {
    const { time, broker } = this.#bench;
    if (api === "JoinGroup" || api === "SyncGroup" || api === "Heartbeat") {
      broker.faults.delay({ api, ms });
      return;
    }
    const isMixed = this.actors.some(({ protocol }) => protocol === "classic");
    const where = (): boolean => {
      if (isMixed && time.elapsed - this.#delayedAt < TIMES.groupConsumerSessionTimeout) return false;
      this.#delayedAt = time.elapsed;
      return true;
    };
    broker.faults.delay({ api, ms: isMixed ? Math.min(ms, TIMES.groupConsumerHeartbeatInterval) : ms, where });
  }

  /**
   * A member of the newer protocol that is told to join again, though the coordinator has it, is refused until its session
   * ends. Were it the only one, the group would go back by that, and be converted again at once.
   */
  #locksOut(api: string, errorCode: number): boolean {
    if (api !== "ConsumerGroupHeartbeat" || !this.actors.some(({ protocol }) => protocol === "classic")) return false;
    return errorCode === ErrorCode.UNKNOWN_MEMBER_ID || errorCode === ErrorCode.FENCED_MEMBER_EPOCH;
  }

  /** Whether the coordinator knows it as a member of the newer protocol, and it knows that. */
  #isKnown({ member, protocol }: Actor): boolean {
    const [group] = this.#bench.broker.groups();
    const { memberId, generationId } = member.member.membership;
    if (generationId < 0) return false;
    return (
      protocol === "consumer" && group?.type === "consumer" && group.members.some((one) => one.memberId === memberId)
    );
  }

  async #join({ protocol, name, release }: Extract<Command, { do: "join" }>): Promise<void> {
    // Half of them are static. A name is free again once its member was closed or is frozen.
    const own = name < 3 ? `static-${name}` : undefined;
    const isTaken = this.actors.some((actor) => actor.name === own && actor.state === "lives");
    const groupInstanceId = isTaken ? undefined : own;
    if (this.actors.filter(({ state }) => state === "lives").length >= 5) return;
    if (groupInstanceId !== undefined) await this.#beforeTakeover(groupInstanceId, protocol);
    await this.#come(protocol, () => this.#start(protocol, groupInstanceId, release));
  }

  #start(protocol: Protocol, groupInstanceId: string | undefined, release: number): void {
    const clock = this.#bench.time.instance();
    const kafka = this.#bench.client({ clock, metadataMaxAge: METADATA_MAX_AGE });
    const member = this.#bench.join(kafka, { groupProtocol: protocol, groupInstanceId });
    member.releaseEach = () => sleep(clock, release);
    this.actors.push({ member, protocol, clock, name: groupInstanceId, state: "lives" });
  }

  async #beforeTakeover(name: string, protocol: Protocol): Promise<void> {
    const before = this.actors.findLast((actor) => actor.name === name);
    if (before === undefined) return;
    // What the last of that name has asked may still be on its way. A join that arrives after the next one's fences it.
    await this.#bench.time.advance(2 * LATENCY + this.#longestDelay);
    // A frozen one may still be awake, as far as its name's next member can know. That is for users to prevent: each
    // process needs a name of its own.
    await this.#until(() => before.state !== "frozen" || !before.member.member.lease.isValid);
    if (before.protocol === protocol) return;
    // One that takes a name over from the other protocol may convert the group, and gets what the last one was to have:
    // Kafka (seen of 4.3.0) does not assign anew for it. Where the leader had not assigned yet, the topics have grown,
    // or somebody is still to let go, partitions stay without an owner, or have two. So only `swap` does that.
    await this.#until(() => this.#memberNamed(name) === undefined);
  }

  /** A static member is started anew with the other protocol, while nothing moves: see #beforeTakeover. */
  async #swap(actor: Actor | undefined): Promise<void> {
    if (actor?.name === undefined || actor.state !== "lives") return;
    this.#bench.broker.faults.clear();
    if (!(await this.rest())) return;
    const { name } = actor;
    const before = this.#memberNamed(name);
    await this.#change("close", actor);
    this.#start(actor.protocol === "classic" ? "consumer" : "classic", name, 0);
    await this.#until(() => this.#memberNamed(name) !== before);
  }

  #actor(which: number): Actor | undefined {
    return this.actors[which % this.actors.length];
  }

  /** The id by which the coordinator knows the static member. */
  #memberNamed(name: string): string | undefined {
    return this.#bench.broker.groups()[0]?.members.find((member) => member.groupInstanceId === name)?.memberId;
  }

  async #until(condition: () => boolean): Promise<void> {
    const { time } = this.#bench;
    for (const start = time.elapsed; !condition() && time.elapsed - start < REST; ) await time.advance(100);
  }

  async #change(what: "close" | "freeze" | "thaw", actor: Actor | undefined): Promise<void> {
    if (actor === undefined || actor.state === "closed") return;
    if (what === "freeze") {
      actor.clock.pause();
      actor.state = "frozen";
      return;
    }
    if (what === "thaw") {
      // Whoever comes back to find its name taken is fenced: that is another story.
      if (actor.name !== undefined && this.actors.some((other) => other !== actor && other.name === actor.name)) return;
      return this.#come(actor.protocol, () => {
        actor.clock.resume();
        actor.state = "lives";
      });
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

/** Has members of a group do what the list says, and sees that they come to share the partitions and keep them. */
export async function play(t: { after(fn: () => Promise<void>): void }, list: readonly Command[]): Promise<void> {
  const bench = await startGroup(t, { broker: { nodes: NODES, ...TIMES }, latency: LATENCY });
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
