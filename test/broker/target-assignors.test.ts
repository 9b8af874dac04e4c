import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { PartitionSets } from "../../src/broker/consumer-group-member.ts";
import { type AssignableMember, rangeAssignor, type TargetAssignor } from "../../src/broker/range-assignor.ts";
import { uniformAssignor } from "../../src/broker/uniform-assignor.ts";

const COUNTS: Readonly<Record<string, number>> = { t: 7, u: 3, v: 4 };
const count = (topicId: string): number => COUNTS[topicId]!;

function member(memberId: string, topics: ReadonlySet<string>, before: PartitionSets = new Map()): AssignableMember {
  return { memberId, instanceId: null, topicIds: topics, before };
}

function shown(partitions: PartitionSets | undefined): string[] {
  return [...partitions!].flatMap(([topic, ids]) => [...ids].map((id) => `${topic}${id}`)).sort();
}

const anyTopics = fc.subarray(Object.keys(COUNTS)).map((topics) => new Set(topics));
/** Members of different or of the same topics, as a group has them: the same topics are one set. */
const anyMembers: fc.Arbitrary<AssignableMember[]> = fc
  .oneof(
    fc.tuple(anyTopics, fc.integer({ min: 1, max: 9 })).map(([topics, n]) => Array.from({ length: n }, () => topics)),
    fc.array(anyTopics, { minLength: 1, maxLength: 9 }),
  )
  .map((all) => all.map((topics, i) => member(`m${i}`, topics)));

function checkWhole(members: readonly AssignableMember[], targets: ReadonlyMap<string, PartitionSets>): void {
  const given = members.flatMap(({ memberId, topicIds }) => {
    const own = targets.get(memberId)!;
    for (const topicId of own.keys()) assert.ok(topicIds.has(topicId), `${memberId} does not want ${topicId}`);
    return shown(own);
  });
  const wanted = Object.keys(COUNTS).filter((topic) => members.some(({ topicIds }) => topicIds.has(topic)));
  const all = wanted.flatMap((topic) => Array.from({ length: count(topic) }, (_, i) => `${topic}${i}`));
  assert.deepEqual(given.sort(), all.sort());
}

describe("assignors", () => {
  for (const [name, assignor] of [
    ["uniform", uniformAssignor],
    ["range", rangeAssignor],
  ] as [string, TargetAssignor][]) {
    test(`${name} gives each partition to one member that wants it`, () => {
      fc.assert(fc.property(anyMembers, (members) => checkWhole(members, assignor(members, count))));
    });
  }

  test("uniform is even, and after a change still is, and moves no more than it has to", () => {
    const topics = new Set(Object.keys(COUNTS));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }), (before, after) => {
        const first = uniformAssignor(
          Array.from({ length: before }, (_, i) => member(`m${i}`, topics)),
          count,
        );
        const members = Array.from({ length: after }, (_, i) => member(`m${i}`, topics, first.get(`m${i}`)));
        const second = uniformAssignor(members, count);
        checkWhole(members, second);
        const sizes = members.map(({ memberId }) => shown(second.get(memberId)).length);
        assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
        const kept = members.map((one) =>
          shown(second.get(one.memberId)).filter((key) => shown(one.before).includes(key)),
        );
        // Nobody gave anything up but what is above the new share, or is there to be shared anew.
        for (const [i, { before: had }] of members.entries()) {
          assert.ok(kept[i]!.length >= Math.min(shown(had).length, Math.floor(14 / after)));
        }
      }),
    );
  });

  test("uniform evens out what members of different topics can share", () => {
    const both = new Set(["t", "v"]);
    const only = new Set(["t"]);
    const members = [member("a", both), member("b", only), member("c", only)];
    const targets = uniformAssignor(members, count);
    assert.deepEqual(
      members.map(({ memberId }) => shown(targets.get(memberId)).length),
      [4, 4, 3],
    );
    fc.assert(
      fc.property(anyMembers, (all) => {
        const loads = uniformAssignor(all, count);
        for (const from of all) {
          for (const to of all) {
            const movable =
              [...(loads.get(from.memberId) ?? []).keys()].length > 0 &&
              [...loads.get(from.memberId)!.keys()].some((topic) => to.topicIds.has(topic));
            const difference = shown(loads.get(from.memberId)).length - shown(loads.get(to.memberId)).length;
            assert.ok(!movable || difference <= 1, `${from.memberId} could give ${to.memberId} one`);
          }
        }
      }),
    );
  });

  test("range splits topics of one size alike, static members first", () => {
    const topics = new Set(["v"]);
    const members = [member("b", topics), { ...member("c", topics), instanceId: "i" }, member("a", topics)];
    const targets = rangeAssignor(members, count);
    assert.deepEqual(
      ["c", "a", "b"].map((id) => shown(targets.get(id))),
      [["v0", "v1"], ["v2"], ["v3"]],
    );
  });

  test("uniform takes a thousand members with as many partitions in its stride", () => {
    const topics = new Set(["big"]);
    let before = new Map<string, PartitionSets>();
    let steps = 0;
    for (let n = 1; n <= 1000; n += 37) {
      const members = Array.from({ length: n }, (_, i) => member(`m${i}`, topics, before.get(`m${i}`)));
      before = uniformAssignor(members, () => {
        steps += 1;
        return 1000;
      });
      assert.equal(
        [...before.values()].reduce((sum, sets) => sum + (sets.get("big")?.size ?? 0), 0),
        1000,
      );
    }
    assert.ok(steps < 28 * 1003, `${steps} looks at the topic: one a member, not one a partition`);
  });
});
