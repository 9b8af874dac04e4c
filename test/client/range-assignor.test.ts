import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { AssignorMember } from "../../src/client/assignor.ts";
import { rangeAssignor } from "../../src/client/range-assignor.ts";
import { partitionKey } from "../../src/client/topic-partition.ts";

function member(memberId: string, topics: readonly string[], groupInstanceId: string | null = null): AssignorMember {
  return { memberId, groupInstanceId, topics, owned: [], generation: -1 };
}

function assign(members: readonly AssignorMember[], counts: Readonly<Record<string, number>>): Record<string, string> {
  const assignment = rangeAssignor(members, new Map(Object.entries(counts)));
  return Object.fromEntries(
    [...assignment].map(([id, list]) => [
      id,
      list.map(({ topic, partition }) => partitionKey(topic, partition)).join(),
    ]),
  );
}

test("each topic is cut into runs, and the first members get what is left over", () => {
  const members = ["b", "a", "c"].map((id) => member(id, ["t", "u"]));
  assert.deepEqual(assign(members, { t: 5, u: 1 }), { a: "t/0,t/1,u/0", b: "t/2,t/3", c: "t/4" });
});

test("partitions of one number go to one member where topics have equally many", () => {
  const members = ["a", "b"].map((id) => member(id, ["t", "u"]));
  assert.deepEqual(assign(members, { t: 2, u: 2 }), { a: "t/0,u/0", b: "t/1,u/1" });
});

test("static members keep their places whatever their member ids are", () => {
  const first = assign([member("z", ["t"], "one"), member("y", ["t"], "two"), member("a", ["t"])], { t: 3 });
  assert.deepEqual(first, { z: "t/0", y: "t/1", a: "t/2" });
  const restarted = assign([member("b", ["t"], "one"), member("y", ["t"], "two"), member("a", ["t"])], { t: 3 });
  assert.deepEqual(restarted, { b: "t/0", y: "t/1", a: "t/2" });
});

test("every partition goes to one member that wants it, and shares of a topic differ by one at most", () => {
  const wants = fc.array(fc.subarray(["t", "u", "v"]), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(wants, fc.tuple(fc.nat(20), fc.nat(20), fc.nat(3)), (topics, [t, u, v]) => {
      const members = topics.map((list, i) => member(`m${i}`, list));
      const assignment = rangeAssignor(members, new Map(Object.entries({ t, u, v })));
      for (const [topic, count] of Object.entries({ t, u, v })) {
        const takers = members.filter((one) => one.topics.includes(topic));
        const shares = takers.map(({ memberId }) =>
          assignment.get(memberId)!.flatMap((one) => (one.topic === topic ? [one.partition] : [])),
        );
        const given = [...assignment.values()].flat().filter((one) => one.topic === topic);
        assert.deepEqual(
          shares.flat(),
          Array.from({ length: takers.length === 0 ? 0 : count }, (_, i) => i),
        );
        assert.equal(given.length, shares.flat().length);
        const sizes = shares.map((share) => share.length);
        assert.ok(Math.max(0, ...sizes) - Math.min(...sizes, Number.POSITIVE_INFINITY) <= 1);
      }
    }),
  );
});
