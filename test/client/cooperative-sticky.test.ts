import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Assignment, AssignorMember } from "../../src/client/assignor.ts";
import { cooperativeSticky } from "../../src/client/cooperative-sticky.ts";
import { partitionKey, type TopicPartition } from "../../src/client/topic-partition.ts";

/** A member; what it owns as "topic/partition". */
function member(
  memberId: string,
  topics: string[],
  owned: readonly string[] = [],
  generation = owned.length > 0 ? 1 : -1,
): AssignorMember {
  return { memberId, topics, generation, owned: owned.map(parse) };
}

function parse(text: string): TopicPartition {
  const [topic, partition] = text.split("/") as [string, string];
  return { topic, partition: Number(partition) };
}

function keysOf(assignment: Assignment, memberId: string): string[] {
  return assignment.get(memberId)!.map(({ topic, partition }) => partitionKey(topic, partition));
}

function all(topic: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${topic}/${i}`);
}

/** Lets the group rebalance until nobody's partitions change; every round's givings are checked against the claims. */
function converge(
  members: readonly AssignorMember[],
  counts: ReadonlyMap<string, number>,
): { assignment: Assignment; rounds: number } {
  let current = [...members];
  for (let rounds = 1; rounds < 10; rounds++) {
    const assignment = cooperativeSticky(current, counts);
    const next = current.map((one) => ({ ...one, owned: assignment.get(one.memberId)!, generation: rounds + 100 }));
    const isSame = current.every((one, i) => sameSet(one.owned, next[i]!.owned));
    if (isSame) return { assignment, rounds };
    current = next;
  }
  throw new Error("the group does not come to rest");
}

function sameSet(a: readonly TopicPartition[], b: readonly TopicPartition[]): boolean {
  const keys = new Set(a.map(({ topic, partition }) => partitionKey(topic, partition)));
  return a.length === b.length && b.every(({ topic, partition }) => keys.has(partitionKey(topic, partition)));
}

test("a first assignment is even, complete, and the same whoever makes it", () => {
  const members = ["c", "a", "b"].map((id) => member(id, ["t", "u"]));
  const counts = new Map([
    ["t", 7],
    ["u", 4],
  ]);
  const assignment = cooperativeSticky(members, counts);
  assert.deepEqual([...assignment.values()].map((list) => list.length).sort(), [3, 4, 4]);
  assert.deepEqual(
    ["a", "b", "c"].flatMap((id) => keysOf(assignment, id)).sort(),
    [...all("t", 7), ...all("u", 4)].sort(),
  );
  assert.deepEqual([...cooperativeSticky([...members].reverse(), counts)].sort(), [...assignment].sort());
});

test("a newcomer gets nothing that is still claimed; in the next round it gets what was let go", () => {
  const counts = new Map([["t", 4]]);
  const first = cooperativeSticky([member("a", ["t"], all("t", 4)), member("b", ["t"])], counts);
  assert.deepEqual([keysOf(first, "a").length, keysOf(first, "b")], [2, []]);
  const kept = keysOf(first, "a");
  const second = cooperativeSticky([member("a", ["t"], kept, 2), member("b", ["t"], [], 2)], counts);
  assert.deepEqual(keysOf(second, "a").sort(), kept.sort());
  assert.deepEqual(
    keysOf(second, "b").sort(),
    all("t", 4)
      .filter((key) => !kept.includes(key))
      .sort(),
  );
});

test("what is let go late stays withheld for as long as it is claimed", () => {
  const counts = new Map([["t", 2]]);
  for (let round = 0; round < 3; round++) {
    const assignment = cooperativeSticky(
      [member("a", ["t"], all("t", 2), round), member("b", ["t"], [], round)],
      counts,
    );
    assert.deepEqual([keysOf(assignment, "a").length, keysOf(assignment, "b").length], [1, 0]);
  }
});

test("the partitions of a member that left go to the others, who keep their own", () => {
  const counts = new Map([["t", 6]]);
  const assignment = cooperativeSticky(
    [member("a", ["t"], ["t/0", "t/1"]), member("b", ["t"], ["t/2", "t/3"])],
    counts,
  );
  assert.deepEqual(keysOf(assignment, "a").slice(0, 2), ["t/0", "t/1"]);
  assert.deepEqual(keysOf(assignment, "b").slice(0, 2), ["t/2", "t/3"]);
  assert.deepEqual([keysOf(assignment, "a").length, keysOf(assignment, "b").length], [3, 3]);
});

test("of two claims the later generation's holds, and the older one does not withhold the partition from it", () => {
  const counts = new Map([["t", 2]]);
  const assignment = cooperativeSticky([member("a", ["t"], ["t/0", "t/1"], 3), member("b", ["t"], ["t/0"], 5)], counts);
  assert.deepEqual([keysOf(assignment, "a"), keysOf(assignment, "b")], [["t/1"], ["t/0"]]);
});

test("of two claims of one generation neither is believed, and both let go first", () => {
  const counts = new Map([["t", 1]]);
  const assignment = cooperativeSticky([member("a", ["t"], ["t/0"], 3), member("b", ["t"], ["t/0"], 3)], counts);
  assert.deepEqual([keysOf(assignment, "a"), keysOf(assignment, "b")], [[], []]);
});

test("members get only topics that they want, and claims on others do not last", () => {
  const counts = new Map([
    ["t", 3],
    ["u", 3],
    ["gone", 0],
  ]);
  const members = [member("a", ["t", "gone"], ["u/0", "gone/1", "t/0"]), member("b", ["u"]), member("c", ["t", "u"])];
  const assignment = cooperativeSticky(members, counts);
  assert.ok(keysOf(assignment, "a").every((key) => key.startsWith("t/")));
  assert.ok(keysOf(assignment, "b").every((key) => key.startsWith("u/")));
  assert.ok(!["b", "c"].some((id) => keysOf(assignment, id).includes("u/0")), "a has it until it says otherwise");
  const { assignment: settled } = converge(members, counts);
  assert.deepEqual(["a", "b", "c"].flatMap((id) => keysOf(settled, id)).sort(), [...all("t", 3), ...all("u", 3)]);
});

test("a topic that nobody wants is given to nobody, and a group without partitions is content", () => {
  assert.deepEqual(
    [
      ...cooperativeSticky(
        [member("a", ["t"])],
        new Map([
          ["t", 0],
          ["u", 3],
        ]),
      ),
    ],
    [["a", []]],
  );
  assert.deepEqual([...cooperativeSticky([], new Map([["t", 3]]))], []);
});

const TOPICS: readonly string[] = ["t", "u", "v"];

/** Members with what they want, and partitions as they lie at first: each with at most one owner, or claimed twice. */
const groups = fc
  .record({
    wants: fc.array(fc.subarray([...TOPICS], { minLength: 1 }), { minLength: 1, maxLength: 8 }),
    counts: fc.tuple(fc.nat(12), fc.nat(12), fc.nat(5)),
    owners: fc.array(fc.nat(9), { maxLength: 29 }),
    doubles: fc.array(fc.tuple(fc.nat(28), fc.nat(7), fc.nat(2)), { maxLength: 3 }),
  })
  .map(({ wants, counts, owners, doubles }) => {
    const partitions = TOPICS.flatMap((topic, i) => all(topic, counts[i]!));
    const owned = wants.map(() => new Set<string>());
    for (const [i, owner] of owners.entries()) if (partitions[i] !== undefined) owned[owner]?.add(partitions[i]);
    const generations = wants.map(() => 5);
    for (const [i, who, generation] of doubles) {
      if (partitions[i] !== undefined) owned[who]?.add(partitions[i]);
      if (generations[who] !== undefined) generations[who] = 5 - generation;
    }
    const members = wants.map((topics, i) => member(`m${i}`, topics, [...owned[i]!], generations[i]!));
    return { members, counts: new Map(TOPICS.map((topic, i) => [topic, counts[i]!])) };
  });

test("a round never gives a partition to two, to one who does not want it, or away from who claims it", () => {
  fc.assert(
    fc.property(groups, ({ members, counts }) => {
      const assignment = cooperativeSticky(members, counts);
      const given = new Map<string, string>();
      for (const { memberId, topics } of members) {
        for (const { topic, partition } of assignment.get(memberId)!) {
          const key = partitionKey(topic, partition);
          assert.ok(!given.has(key), `${key} has two owners`);
          given.set(key, memberId);
          assert.ok(topics.includes(topic) && partition < counts.get(topic)!);
          const claims = members.filter((one) =>
            one.owned.some((own) => partitionKey(own.topic, own.partition) === key),
          );
          const latest = Math.max(...claims.map(({ generation }) => generation));
          const live = claims.filter(({ generation }) => generation === latest);
          assert.ok(
            live.every((one) => one.memberId === memberId),
            `${key} is claimed by another`,
          );
        }
      }
    }),
    { numRuns: 1_000 },
  );
});

test("a group comes to rest within a few rounds, complete, and no move would make it more even", () => {
  fc.assert(
    fc.property(groups, ({ members, counts }) => {
      const { assignment, rounds } = converge(members, counts);
      assert.ok(rounds <= 4, `${rounds} rounds`);
      const wanted: ReadonlySet<string> = new Set(members.flatMap(({ topics }) => topics));
      const total = [...counts].reduce((sum, [topic, count]) => sum + (wanted.has(topic) ? count : 0), 0);
      assert.equal(
        [...assignment.values()].reduce((sum, list) => sum + list.length, 0),
        total,
      );
      for (const { memberId } of members) {
        for (const { topic } of assignment.get(memberId)!) {
          for (const other of members.filter(({ topics }) => topics.includes(topic))) {
            const difference = assignment.get(memberId)!.length - assignment.get(other.memberId)!.length;
            assert.ok(difference <= 1, `${topic}: ${memberId} has ${difference} more than ${other.memberId}`);
          }
        }
      }
    }),
    { numRuns: 500 },
  );
});

test("a group at rest stays as it is, and one that joins or leaves moves no more than must move", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 60 }), (size, count) => {
      const counts = new Map([["t", count]]);
      const ids = Array.from({ length: size }, (_, i) => `m${i}`);
      const { assignment } = converge(
        ids.map((id) => member(id, ["t"])),
        counts,
      );
      const grown = [...ids.map((id) => member(id, ["t"], keysOf(assignment, id), 9)), member("new", ["t"])];
      const first = cooperativeSticky(grown, counts);
      const moved = ids.reduce((sum, id) => sum + keysOf(assignment, id).length - keysOf(first, id).length, 0);
      assert.equal(moved, Math.floor(count / (size + 1)));
      for (const id of ids) assert.ok(keysOf(first, id).every((key) => keysOf(assignment, id).includes(key)));
      const shrunk = ids.slice(1).map((id) => member(id, ["t"], keysOf(assignment, id), 9));
      const rest = cooperativeSticky(shrunk, counts);
      for (const id of ids.slice(1)) assert.ok(keysOf(assignment, id).every((key) => keysOf(rest, id).includes(key)));
    }),
    { numRuns: 200 },
  );
});

test("the cost of an assignment grows with partitions and members, not with their product", () => {
  const ids = Array.from({ length: 100 }, (_, i) => `m${String(i).padStart(3, "0")}`);
  for (const partitions of [1_000, 10_000]) {
    const counts = new Map(Array.from({ length: 50 }, (_, i) => [`t${i}`, partitions / 50] as const));
    const topics = [...counts.keys()];
    const some = (i: number): string[] => topics.filter((_, j) => (i + j) % 3 !== 0);
    const everything = topics.flatMap((topic) => all(topic, partitions / 50));
    const cases = {
      "from nothing": ids.map((id) => member(id, topics)),
      "from one who has all": ids.map((id, i) => member(id, topics, i === 0 ? everything : [])),
      "with topics of their own": ids.map((id, i) => member(id, some(i))),
      "with topics of their own, from one who has all": ids.map((id, i) =>
        member(id, i === 0 ? topics : some(i), i === 0 ? everything : []),
      ),
    };
    for (const [name, members] of Object.entries(cases)) {
      let steps = 0;
      const assignment = cooperativeSticky(members, counts, () => void steps++);
      assert.equal(assignment.size, 100);
      assert.ok(steps < 10 * (partitions + ids.length), `${name}: ${steps} steps for ${partitions} partitions`);
    }
  }
});
