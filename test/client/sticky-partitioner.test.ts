import assert from "node:assert/strict";
import { test } from "node:test";
import { StickyPartitioner } from "../../src/client/sticky-partitioner.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

const SHARE = 1_000;

interface World {
  filling: boolean;
  /** Batches by partition; undefined: no leader. */
  loads: (number | undefined)[];
}

function start(world: World, seed = 1): StickyPartitioner {
  return new StickyPartitioner(new VirtualClock(seed).instance(), SHARE, {
    isFilling: () => world.filling,
    load: (partition) => world.loads[partition],
  });
}

/** How often each partition is chosen for a whole share. */
function shares(sticky: StickyPartitioner, partitionCount: number, turns: number): number[] {
  const counts = new Array<number>(partitionCount).fill(0);
  for (let i = 0; i < turns; i++) counts[sticky.choose(partitionCount, SHARE)]! += 1;
  return counts;
}

test("records without a key stay with a partition for a share of bytes, through all its batches (KIP-794)", () => {
  const world = { filling: false, loads: [0, 0, 0, 0, 0] };
  const sticky = start(world);
  const first = sticky.choose(5, 100);
  for (let i = 1; i < 10; i++) assert.equal(sticky.choose(5, 100), first);
  assert.notEqual(sticky.choose(5, 100), first);
});

test("a partition that has had its share is left at the end of a batch, or at twice the share", () => {
  const world = { filling: true, loads: [0, 0, 0, 0, 0] };
  const sticky = start(world);
  const first = sticky.choose(5, 1_000);
  assert.equal(sticky.choose(5, 500), first);
  world.filling = false;
  const second = sticky.choose(5, 1_000);
  assert.notEqual(second, first);
  world.filling = true;
  assert.equal(sticky.choose(5, 999), second);
  assert.equal(sticky.choose(5, 1), second);
  assert.notEqual(sticky.choose(5, 1), second, "two shares are the most");
});

test("where all partitions are equally loaded, all get the same", () => {
  for (const load of [0, 3]) {
    const counts = shares(start({ filling: false, loads: new Array(8).fill(load) }, 3), 8, 8_000);
    for (const count of counts) assert.ok(count > 900 && count < 1_100, counts.join());
  }
});

test("the more batches a partition has queued, the less it gets", () => {
  const counts = shares(start({ filling: false, loads: [0, 0, 4, 9] }, 5), 4, 10_000);
  assert.ok(Math.abs(counts[0]! - counts[1]!) < 400, counts.join());
  assert.ok(counts[0]! > 1.3 * counts[2]! && counts[2]! > 3 * counts[3]!, counts.join());
  assert.ok(counts[3]! > 0, "even the slowest gets some");
});

test("partitions that nobody leads are passed over, as long as there are others", () => {
  const world: World = { filling: false, loads: [undefined, 0, undefined, 0] };
  const counts = shares(start(world), 4, 100);
  assert.deepEqual([counts[0], counts[2], counts[1]! + counts[3]!], [0, 0, 100]);
  const alone = shares(start({ filling: false, loads: [undefined, 0] }), 2, 10);
  assert.deepEqual(alone, [0, 10]);
  const none = shares(start({ filling: false, loads: [undefined, undefined] }), 2, 100);
  assert.equal(none[0]! + none[1]!, 100);
});

test("a topic of one partition has but that one, and one that lost partitions is not overshot", () => {
  const sticky = start({ filling: false, loads: new Array(9).fill(0) });
  for (let i = 0; i < 10; i++) assert.equal(sticky.choose(1, SHARE), 0);
  for (let i = 0; i < 50; i++) assert.ok(sticky.choose(9, SHARE) < 9);
  for (let i = 0; i < 50; i++) assert.ok(sticky.choose(2, 10) < 2);
});
