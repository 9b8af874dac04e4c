import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { defaultPartition } from "../../src/client/default-partitioner.ts";
import { StickyPartitioner } from "../../src/client/sticky-partitioner.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

/** What Java's murmur2 gives for keys of all lengths, as hex. */
const vectors: { key: string; hash: number }[] = JSON.parse(
  readFileSync(new URL("../fixtures/murmur2.json", import.meta.url), "utf8"),
);

test("a key's partition is the one that Java's default partitioner gives", () => {
  const known = new Map([
    ["21", -973_932_308],
    ["foobar", -790_332_482],
  ]);
  for (const { key, hash } of vectors) {
    const bytes = Uint8Array.from(key.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    if (!text.includes("\ufffd")) known.set(text, hash);
  }
  assert.ok(known.size >= 5);
  for (const [key, hash] of known) {
    for (const count of [1, 2, 3, 7, 12, 1_000]) {
      assert.equal(defaultPartition(key, count), (hash & 0x7fff_ffff) % count, key);
    }
  }
});

test("records without a key stay with a partition while its batch fills, and then move to another", () => {
  const sticky = new StickyPartitioner(new VirtualClock().instance());
  let filling = true;
  const choose = (bytes = 10): number => sticky.choose(5, bytes, () => filling);
  const first = choose();
  for (let i = 0; i < 50; i++) assert.equal(choose(), first);
  filling = false;
  const second = choose();
  assert.notEqual(second, first);
  filling = true;
  assert.equal(choose(20_000), second);
  assert.notEqual(choose(), second, "after its share of bytes it moves, though the batch still fills");
});

test("records without a key reach all partitions, evenly", () => {
  const sticky = new StickyPartitioner(new VirtualClock(3).instance());
  const counts = new Array<number>(8).fill(0);
  for (let i = 0; i < 8_000; i++) counts[sticky.choose(8, 10, () => false)]! += 1;
  for (const count of counts) assert.ok(count > 800 && count < 1_200, counts.join());
});

test("a topic of one partition has but that one, and one that lost partitions is not overshot", () => {
  const sticky = new StickyPartitioner(new VirtualClock().instance());
  for (let i = 0; i < 10; i++)
    assert.equal(
      sticky.choose(1, 10, () => i % 2 === 0),
      0,
    );
  for (let i = 0; i < 50; i++) assert.ok(sticky.choose(9, 10, () => false) < 9);
  for (let i = 0; i < 50; i++) assert.ok(sticky.choose(2, 10, () => true) < 2);
});
