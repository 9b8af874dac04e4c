import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { entryIdText, readEntryId } from "../../src/jobs/entry-id.ts";

const text = new TextEncoder();
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

test("S7.2 a UUID as lower-case text is read and comes back, wherever it lies", () => {
  fc.assert(
    fc.property(fc.uuid(), fc.nat(3), fc.nat(3), (id, before, after) => {
      const bytes = text.encode(`${"x".repeat(before)}${id}${"x".repeat(after)}`);
      const ids = new Int32Array(4);
      assert.ok(readEntryId(bytes, ids, before, before + 36));
      assert.equal(entryIdText(ids, 0), id);
    }),
  );
});

test("S8.7 S8.11 nothing else is an entry's key, whatever its bytes", () => {
  const ids = new Int32Array(4);
  fc.assert(
    fc.property(fc.uuid(), fc.nat(35), fc.nat(255), (id, at, byte) => {
      const bytes = text.encode(id);
      bytes[at] = byte;
      const changed = String.fromCharCode(...bytes);
      assert.equal(readEntryId(bytes, ids), UUID.test(changed), changed);
    }),
    { numRuns: 2_000 },
  );
  for (const length of [0, 35, 37]) assert.equal(readEntryId(new Uint8Array(length).fill(0x61), ids), false);
});
