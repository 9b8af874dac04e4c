import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { crc32c } from "../../protocol/crc32c.ts";
import { type ChunkIndexFile, decodeChunkIndex, encodeChunkIndex } from "../../src/broker/chunk-index-file.ts";

const FILE: ChunkIndexFile = {
  index: { offsets: [0, 3], ends: [3, 5], positions: [0, 90], timestamps: [7, 8] },
  ...{ size: 180, endOffset: 5, segmentBase: 0, endsSegment: true, epochs: [{ epoch: 0, startOffset: 0 }] },
  state: { some: Uint8Array.of(1) },
};

/** With another text in its place, and the length and sum that it should have. */
function edited(from: string, to: string): Uint8Array {
  const text = String.fromCharCode(...encodeChunkIndex(FILE)).replace(from, to);
  const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  view.setUint32(4, view.getUint32(4) + to.length - from.length);
  view.setUint32(0, crc32c(bytes, 4, bytes.length));
  return bytes;
}

describe("the index of a chunk", () => {
  test("is read as it was written", () => {
    assert.deepEqual(decodeChunkIndex(encodeChunkIndex(FILE)), FILE);
  });

  test("is none where any byte of it changed", () => {
    const bytes = encodeChunkIndex(FILE);
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at]! ^= 1;
      assert.equal(decodeChunkIndex(changed), undefined, `byte ${at}`);
    }
  });

  test("is none where its sum is right, and it says what no index does", () => {
    // The last would be more than memory holds.
    for (const count of ["1", "3", "x", "9".repeat(9)])
      assert.equal(decodeChunkIndex(edited('"count":2', `"count":${count}`)), undefined, count);
    assert.equal(decodeChunkIndex(edited('"AQ=="', '"%%=="')), undefined);
  });
});
