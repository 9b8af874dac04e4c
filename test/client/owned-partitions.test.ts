import assert from "node:assert/strict";
import { test } from "node:test";
import { OwnedPartitions } from "../../src/client/owned-partitions.ts";
import type { TopicPartition } from "../../src/client/topic-partition.ts";
import { nextTurn } from "../../src/net/clock.ts";

const of = (...partitions: number[]): TopicPartition[] => partitions.map((partition) => ({ topic: "t", partition }));
const numbers = (partitions: readonly TopicPartition[]): number[] => partitions.map(({ partition }) => partition);

interface Release {
  /** All of them are let go. */
  settle(): void;
  fail(): void;
  /** One of them is. */
  one(partition: TopicPartition): void;
}

/** A member's partitions, with a log of what its owner is told; releases end when they are told to. */
function start(): {
  readonly owned: OwnedPartitions;
  readonly log: string[];
  readonly releases: Release[];
} {
  const log: string[] = [];
  const releases: Release[] = [];
  const owned = new OwnedPartitions(
    {
      assigned: (partitions) => void log.push(`assigned ${numbers(partitions)}`),
      revoked: (partitions, one) => {
        log.push(`revoked ${numbers(partitions)}`);
        return new Promise((resolve, reject) =>
          releases.push({ settle: resolve, fail: () => reject(new Error("no")), one }),
        );
      },
      lost: (partitions) => void log.push(`lost ${numbers(partitions)}`),
    },
    () => void log.push("released"),
  );
  return { owned, log, releases };
}

test("what is given is taken once, and what is taken away is claimed until it is let go", async () => {
  const { owned, log, releases } = start();
  owned.accept(of(0, 1));
  owned.accept(of(0, 1));
  owned.accept(of(1, 2));
  assert.deepEqual(log, ["assigned 0,1", "assigned 2", "revoked 0"]);
  assert.deepEqual(numbers(owned.claims()), [1, 2, 0]);
  assert.equal(owned.has("t", 0), true);
  releases[0]!.settle();
  await nextTurn();
  assert.deepEqual(log.slice(3), ["released"]);
  assert.deepEqual([numbers(owned.claims()), owned.has("t", 0)], [[1, 2], false]);
});

test("a partition is given up as soon as it is let go, whatever the others of its revocation wait for", async () => {
  const { owned, log, releases } = start();
  owned.accept(of(0, 1, 2));
  owned.accept(of(2));
  releases[0]!.one({ topic: "t", partition: 1 });
  assert.deepEqual(numbers(owned.claims()), [2, 0]);
  releases[0]!.one({ topic: "t", partition: 1 });
  releases[0]!.one({ topic: "t", partition: 2 });
  assert.deepEqual(numbers(owned.claims()), [2, 0], "only what was revoked, and once");
  releases[0]!.settle();
  await nextTurn();
  assert.deepEqual(numbers(owned.claims()), [2]);
  assert.deepEqual(log, ["assigned 0,1,2", "revoked 0,1", "released", "released"]);
});

test("S6.1 a rebalance that begins while a partition is let go finds it still claimed, and asks no second time", async () => {
  const { owned, log, releases } = start();
  owned.accept(of(0, 1, 2));
  owned.accept(of(1, 2));
  owned.accept(of(1, 2));
  assert.deepEqual(numbers(owned.claims()), [1, 2, 0]);
  owned.accept(of(2));
  assert.deepEqual(log, ["assigned 0,1,2", "revoked 0", "revoked 1"]);
  releases[1]!.settle();
  await nextTurn();
  assert.deepEqual(numbers(owned.claims()), [2, 0]);
  releases[0]!.settle();
  await nextTurn();
  assert.deepEqual(numbers(owned.claims()), [2]);
});

test("a partition that is given back while it is let go is taken anew afterwards", async () => {
  const { owned, log, releases } = start();
  owned.accept(of(0));
  owned.accept([]);
  owned.accept(of(0));
  assert.deepEqual(log, ["assigned 0", "revoked 0"]);
  releases[0]!.settle();
  await nextTurn();
  assert.deepEqual(log.slice(2), ["assigned 0", "released"]);
});

test("S6.2 what is lost while it is let go is not let go again, nor is its successor touched", async () => {
  const { owned, log, releases } = start();
  owned.accept(of(0, 1));
  owned.accept(of(1));
  owned.lose();
  owned.accept(of(0));
  releases[0]!.settle();
  await nextTurn();
  assert.deepEqual(log, ["assigned 0,1", "revoked 0", "lost 0,1", "assigned 0"]);
  assert.equal(owned.has("t", 0), true);
});

test("nothing is lost where nothing is owned, and clear tells nobody", () => {
  const { owned, log } = start();
  owned.lose();
  owned.accept(of(0));
  owned.clear();
  assert.deepEqual([log, numbers(owned.claims())], [["assigned 0"], []]);
});

test("a release that fails is a release", async () => {
  const { owned, log, releases } = start();
  owned.accept(of(0));
  owned.accept([]);
  releases[0]!.fail();
  await nextTurn();
  assert.deepEqual(log, ["assigned 0", "revoked 0", "released"]);
  assert.equal(owned.has("t", 0), false);
});

test("a partition of a topic that was made again is let go first, and then taken as another one", async () => {
  const { owned, log, releases } = start();
  const made = (topicId: string): { topic: string; partition: number; topicId: string } => {
    return { topic: "t", partition: 0, topicId };
  };
  owned.accept([made("first")]);
  owned.accept([made("first")]);
  owned.accept([made("second")]);
  assert.deepEqual([log, owned.claims()[0]!.topicId], [["assigned 0", "revoked 0"], "first"]);
  releases[0]!.settle();
  await nextTurn();
  assert.deepEqual([log.slice(2), owned.claims()[0]!.topicId], [["assigned 0", "released"], "second"]);
});

test("giving up everything ends when all is let go, or lost", async () => {
  for (const end of ["let go", "lost"] as const) {
    const { owned, log, releases } = start();
    await owned.releaseAll();
    owned.accept(of(0, 1));
    owned.accept(of(1));
    let ended = false;
    const released = owned.releaseAll().then(() => {
      ended = true;
    });
    assert.deepEqual(log, ["assigned 0,1", "revoked 0", "revoked 1"]);
    releases[0]!.settle();
    await nextTurn();
    assert.deepEqual([ended, numbers(owned.claims())], [false, [1]]);
    if (end === "lost") owned.lose();
    else releases[1]!.settle();
    await released;
    assert.deepEqual(owned.claims(), []);
  }
});

test("the revision is another one whenever the claims are, and only then", async () => {
  const { owned, releases } = start();
  const seen = [owned.revision];
  owned.accept(of(0, 1));
  seen.push(owned.revision);
  owned.accept(of(0));
  assert.deepEqual([owned.revision, owned.isReleasing], [seen[1], true]);
  releases[0]!.settle();
  await nextTurn();
  seen.push(owned.revision);
  assert.equal(owned.isReleasing, false);
  owned.lose();
  seen.push(owned.revision);
  assert.equal(new Set(seen).size, 4);
});

test("what is being let go is claimed last, that leaders who take from the end go on taking it", () => {
  const { owned } = start();
  const keys = (): string[] => owned.claims().map(({ topic, partition }) => `${topic}/${partition}`);
  const other = { topic: "a", partition: 0 };
  owned.accept([...of(0, 1, 2), other]);
  owned.accept([...of(0, 2), other]);
  assert.deepEqual(keys(), ["a/0", "t/0", "t/2", "t/1"]);
});
