import { strict as assert } from "node:assert";
import { describe, test } from "node:test";
import { zstdFrames } from "../../protocol/zstd-frames.ts";
import { concatBytes } from "../support/byte-samples.ts";

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
const LAST_RAW_ABC = [0x19, 0, 0, 97, 98, 99];
const frames = (bytes: Uint8Array | readonly number[]): (number | undefined)[][] =>
  [...zstdFrames(Uint8Array.from(bytes))].map(({ start, end, contentSize }) => [start, end, contentSize]);

function refused(bytes: Uint8Array | readonly number[], message: RegExp): void {
  assert.throws(() => frames(bytes), { name: "DecodeError", message });
}

describe("zstdFrames", () => {
  test("zstdFrames reads content sizes of every width", () => {
    const sizes: [descriptor: number, field: number[], size: number | undefined][] = [
      [0x00, [0x58], undefined],
      [0x20, [3], 3],
      [0x60, [3, 1], 515],
      [0xa0, [0, 0, 0, 0x80], 0x8000_0000],
      [0xe0, [1, 0, 0, 0, 2, 0, 0, 0], 0x2_0000_0001],
      [0x40, [0x58, 3, 1], 515],
      [0x23, [9, 9, 9, 9, 3], 3],
    ];
    for (const [descriptor, field, size] of sizes) {
      const frame = [...MAGIC, descriptor, ...field, ...LAST_RAW_ABC];
      assert.deepEqual(frames(frame), [[0, frame.length, size]]);
    }
  });

  test("zstdFrames finds the end behind all blocks and the checksum", () => {
    const rle = [0x02 | (100 << 3), 3, 0, 97];
    const compressed = [0x04 | (2 << 3), 0, 0, 1, 2];
    const frame = [...MAGIC, 0x04, 0x58, ...rle, ...compressed, ...LAST_RAW_ABC, 1, 2, 3, 4];
    assert.deepEqual(frames(frame), [[0, frame.length, undefined]]);
  });

  test("zstdFrames leaves skippable frames out", () => {
    const skippable = [0x5f, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2];
    const frame = [...MAGIC, 0x20, 3, ...LAST_RAW_ABC];
    const data = concatBytes(skippable, frame, skippable, frame);
    assert.deepEqual(frames(data), [
      [10, 22, 3],
      [32, 44, 3],
    ]);
    assert.deepEqual(frames(skippable), []);
  });

  test("zstdFrames refuses every proper beginning of a frame", () => {
    const frame = [...MAGIC, 0x24, 3, ...LAST_RAW_ABC, 1, 2, 3, 4];
    for (let length = 0; length < frame.length; length++) refused(frame.slice(0, length), /cut short|empty/);
    refused([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1], /cut short/);
  });

  test("zstdFrames names what is wrong", () => {
    refused([1, 2, 3, 4], /begins with 0x4030201/);
    refused([...MAGIC, 0x20, 3, 0x07, 0, 0], /reserved type/);
  });
});
