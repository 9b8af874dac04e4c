import assert from "node:assert/strict";
import { test } from "node:test";
import { placesOf } from "../../src/cli/partition-places.ts";

test("places of partitions are ranges, by topic", () => {
  const places = ["b/3", "a/0", "b/1", "b/0", "a/10", "b/4"].map((place) => {
    const [topic, partition] = place.split("/") as [string, string];
    return { topic, partition: Number(partition) };
  });
  assert.equal(placesOf(places), "a/0, a/10, b/0-1, b/3-4");
  assert.equal(placesOf([]), "");
});
