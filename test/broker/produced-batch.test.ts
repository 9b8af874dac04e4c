import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { crc32c } from "../../protocol/crc32c.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { BATCH_HEADER_BYTES, FIELD_AT } from "../../protocol/record-batch.ts";
import { batchOf } from "./raw-client.ts";
import { produceTo, start, text } from "./records-bench.ts";

describe("a produced batch is refused", () => {
  const refused = async (
    name: string,
    errorCode: number,
    make: (now: number) => Uint8Array | null,
    configs: Record<string, string> = {},
    version?: number,
  ): Promise<void> => {
    await test(name, async () => {
      const { bench, client } = await start(1, configs);
      const part = await produceTo(client, bench, make(bench.clock.now()), version === undefined ? {} : { version });
      assert.equal(part.errorCode, errorCode);
      assert.equal(part.baseOffset, -1);
      if (version === undefined) assert.ok(part.errorMessage !== null, "it says why");
      assert.equal(bench.broker.topics()[0]!.partitions[0]!.logEndOffset, 0, "nothing was stored");
    });
  };
  const edited = (bytes: Uint8Array<ArrayBuffer>, edit: (view: DataView) => void): Uint8Array => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    edit(view);
    view.setUint32(FIELD_AT.crc, crc32c(bytes, FIELD_AT.attributes, bytes.length));
    return bytes;
  };
  const joined = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));

  void refused("when there is none", ErrorCode.INVALID_RECORD, () => null);
  void refused("when two come at once", ErrorCode.INVALID_RECORD, (now) =>
    joined(batchOf(text("a"), now), batchOf(text("b"), now)),
  );
  void refused("when a byte of it changed", ErrorCode.CORRUPT_MESSAGE, (now) => {
    const bytes = batchOf(text("abc"), now);
    bytes[bytes.length - 2]! ^= 1;
    return bytes;
  });
  void refused("when it is cut short", ErrorCode.CORRUPT_MESSAGE, (now) => batchOf(text("abc"), now).subarray(0, 65));
  void refused("when it is garbage", ErrorCode.CORRUPT_MESSAGE, () => new Uint8Array(100).fill(0xa5));
  void refused("when it has an old format", ErrorCode.INVALID_RECORD, (now) =>
    edited(batchOf(text("a"), now), (view) => view.setInt8(FIELD_AT.magic, 1)),
  );
  // The last byte of a batch is how many headers its last record has.
  void refused("when a record has fewer headers than it says", ErrorCode.CORRUPT_MESSAGE, (now) =>
    edited(batchOf(text("abc"), now), (view) => view.setInt8(view.byteLength - 1, 2)),
  );
  void refused("when a record has less than no headers", ErrorCode.INVALID_RECORD, (now) =>
    edited(batchOf(text("abc"), now), (view) => view.setInt8(view.byteLength - 1, 1)),
  );
  void refused("when a record's value is longer than the record", ErrorCode.CORRUPT_MESSAGE, (now) =>
    edited(batchOf(text("abc"), now), (view) => view.setInt8(view.byteLength - 5, 120)),
  );
  void refused("when a record's parts do not fill it", ErrorCode.INVALID_RECORD, (now) =>
    edited(batchOf(text("abc"), now), (view) => view.setInt8(view.byteLength - 5, 4)),
  );
  void refused("when a record's offset is not its place", ErrorCode.INVALID_RECORD, (now) => {
    const firstOffsetDelta = BATCH_HEADER_BYTES + 3;
    return edited(batchOf(text("a"), now), (view) => view.setInt8(firstOffsetDelta, 2));
  });
  void refused(
    "when it is larger than max.message.bytes",
    ErrorCode.MESSAGE_TOO_LARGE,
    (now) => batchOf(text("x".repeat(200)), now),
    {
      "max.message.bytes": "200",
    },
  );
  void refused("when its count and offsets disagree", ErrorCode.INVALID_RECORD, (now) =>
    edited(batchOf(text("a", "b"), now), (view) => view.setInt32(FIELD_AT.lastOffsetDelta, 2)),
  );
  void refused("when it is a control batch", ErrorCode.INVALID_RECORD, (now) =>
    edited(batchOf(text("a"), now), (view) => view.setInt16(FIELD_AT.attributes, 0x20)),
  );
  void refused("when a compacted topic gets no key", ErrorCode.INVALID_RECORD, (now) => batchOf(text("a"), now), {
    "cleanup.policy": "compact",
  });
  void refused("when a record is from the future", ErrorCode.INVALID_TIMESTAMP, (now) =>
    batchOf(text("a"), now + 3_700_000),
  );
  void refused("when its records do not decompress", ErrorCode.CORRUPT_MESSAGE, (now) =>
    edited(batchOf(text("abcdef"), now), (view) => view.setInt16(FIELD_AT.attributes, 1)),
  );
  void refused(
    "when zstd comes to a version before it",
    ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
    (now) => edited(batchOf(text("a"), now), (view) => view.setInt16(FIELD_AT.attributes, 4)),
    {},
    6,
  );
});
