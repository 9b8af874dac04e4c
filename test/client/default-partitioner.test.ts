import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { defaultPartition } from "../../src/client/default-partitioner.ts";

/** What Java's murmur2 gives for keys of all lengths, as hex. */
const vectors: { key: string; hash: number }[] = JSON.parse(
  readFileSync(new URL("../fixtures/murmur2.json", import.meta.url), "utf8"),
);

test("a key's partition is the one that Java's default partitioner gives (KafkaJS #357 #1154, platformatic #121)", () => {
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
