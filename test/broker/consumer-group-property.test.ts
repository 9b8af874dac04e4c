import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ErrorCode } from "../../protocol/errors.ts";
import type { ConsumerRoster } from "../../src/broker/consumer-group-roster.ts";
import { type BenchMember, type ConsumerBench, consumerBench, REBALANCE, SESSION } from "./consumer-bench.ts";

const NAMES = ["t", "u", "v"];
type Step =
  | { readonly do: "join" | "subscribe"; readonly member: number; readonly topics: readonly string[] }
  | { readonly do: "pattern"; readonly member: number; readonly pattern: string }
  | { readonly do: "beat" | "hear" | "leave" | "away"; readonly member: number }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "grow" | "drop"; readonly topic: string }
  | { readonly do: "move" | "restart" };

const MEMBERS = 5;
/** The last two are static. */
const member = fc.nat({ max: MEMBERS - 1 });
const topics = fc.oneof({ weight: 3, arbitrary: fc.constant(["t"]) }, { weight: 1, arbitrary: fc.subarray(NAMES) });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("join" as const), member, topics }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constantFrom("beat" as const, "hear" as const), member }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("leave" as const, "away" as const), member }) },
  fc.record({ do: fc.constant("subscribe" as const), member, topics }),
  fc.record({ do: fc.constant("pattern" as const), member, pattern: fc.constantFrom("[tu]", ".*", "") }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.nat({ max: SESSION / 2 }) }),
  fc.record({ do: fc.constantFrom("grow" as const, "drop" as const), topic: fc.constantFrom(...NAMES) }),
  fc.record({ do: fc.constantFrom("move" as const, "restart" as const) }),
);

/** Plays steps and looks after each whether all is well. */
class World {
  readonly bench: ConsumerBench;
  readonly members: readonly BenchMember[];
  #versions = 0;
  #groupEpoch = 0;
  readonly #epochs = new Map<string, number>();

  constructor(interval: number) {
    this.bench = consumerBench({ consumerAssignmentIntervalMs: interval });
    this.bench.topics.add("u", 1);
    const instance = (i: number): [instanceId?: string] => (i < 3 ? [] : [`static-${i}`]);
    this.members = Array.from({ length: MEMBERS }, (_, i) => this.bench.member(`m${i}`, ...instance(i)));
  }

  get roster(): ConsumerRoster | undefined {
    const { members } = this.bench.group;
    return members.kind === "consumer" ? members.roster : undefined;
  }

  async play(step: Step): Promise<void> {
    const { time, topics: known, group } = this.bench;
    const one = "member" in step ? this.members[step.member]! : undefined;
    if (step.do === "wait") await time.advance(step.ms);
    else if (step.do === "move") {
      group.unload(ErrorCode.NOT_COORDINATOR);
      group.load();
    } else if (step.do === "restart") this.bench.restart();
    else if (step.do === "drop") known.delete(step.topic);
    else if (step.do === "grow") {
      const topic = known.named(step.topic);
      if (topic === undefined) known.add(step.topic, 2, `id ${++this.#versions} of ${step.topic}`);
      else known.grow(step.topic, topic.partitions.length + 1);
    } else this.#speak(one!, step);
    this.look();
  }

  #speak(one: BenchMember, step: Step): void {
    if (step.do === "join") {
      // A client that joins has given up all that it had.
      if (one.join(step.topics) === 0) this.#epochs.set(one.memberId, one.epoch);
    } else if (one.epoch <= 0) {
      // It is in no group.
    } else if (step.do === "leave" || step.do === "away") {
      const code = one.leave(step.do === "away" && one.instanceId !== null ? -2 : -1);
      if (code === 0) one.owned = new Set();
    } else {
      const fields =
        step.do === "subscribe"
          ? { subscribedTopicNames: step.topics }
          : step.do === "pattern"
            ? { subscribedTopicRegex: step.pattern }
            : {};
      const code = one.ask(fields);
      if (code !== 0) one.owned = new Set();
      // One that only hears goes on with what it had.
      else if (step.do !== "hear") one.obey();
    }
  }

  look(): void {
    const { roster } = this;
    if (roster === undefined) return;
    assert.ok(roster.assignmentEpoch <= roster.groupEpoch);
    assert.ok(roster.groupEpoch >= this.#groupEpoch, "the group's epoch rises");
    this.#groupEpoch = roster.groupEpoch;
    const holders = new Map<string, string>();
    for (const { memberId, epoch, assigned, pendingRevocation } of roster.members) {
      const before = this.#epochs.get(memberId) ?? 0;
      assert.ok(epoch === -2 || epoch >= before, `${memberId} went from epoch ${before} to ${epoch}`);
      if (epoch > 0) this.#epochs.set(memberId, epoch);
      for (const set of [assigned, pendingRevocation]) {
        for (const [topicId, partitions] of set) {
          for (const partition of partitions.keys()) {
            const key = `${topicId}/${partition}`;
            assert.equal(holders.get(key), undefined, `${key} is ${holders.get(key)}'s and ${memberId}'s`);
            holders.set(key, memberId);
          }
        }
      }
    }
    for (const one of this.members) {
      if (roster.get(one.memberId) === undefined) this.#epochs.delete(one.memberId);
      else for (const key of one.owned) assert.equal(holders.get(key), one.memberId, `${one.memberId} has ${key}`);
    }
  }

  /** Members that are there go on, the others are forgotten: in the end all is given out, and evenly. */
  async settle(): Promise<void> {
    // Those that go on do as they are told, before the time for that is over.
    const alive = this.members.filter((one) => one.epoch > 0 && one.beat() === 0 && one.beat() === 0);
    for (const one of this.members) if (!alive.includes(one)) one.owned = new Set();
    for (let waited = 0; waited <= SESSION + REBALANCE; waited += 5_000) {
      for (const one of alive) one.beat();
      this.look();
      await this.bench.time.advance(5_000);
    }
    for (const one of alive) assert.equal(one.beat(), 0);
    if (alive.length === 0) return;
    const roster = this.roster!;
    assert.equal(roster.state, "Stable");
    const wanted = new Set<string>();
    for (const member of roster.members) {
      for (const topicId of roster.subscriptions.of(member).topicIds) {
        const { length } = this.bench.topics.byId(topicId)!.partitions;
        for (let partition = 0; partition < length; partition++) wanted.add(`${topicId}/${partition}`);
      }
    }
    assert.deepEqual(new Set(alive.flatMap((one) => [...one.owned])), wanted);
    const sizes = alive.map(({ owned }) => owned.size);
    if (roster.subscriptions.isHomogeneous) assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, sizes.join());
  }
}

describe("a consumer group under any requests", () => {
  test("never has a partition twice, and in the end gives all of them out", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyStep, { maxLength: 80, size: "max" }),
        fc.constantFrom(0, 1000),
        async (steps, interval) => {
          const world = new World(interval);
          for (const step of steps) await world.play(step);
          await world.settle();
        },
      ),
      { numRuns: 200 },
    );
  });
});
