import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DecodeError } from "../../protocol/reader.ts";
import { checkCrc, isControl, isTransactional, readBatchHeader } from "../../protocol/record-batch.ts";
import { readFetched } from "../../protocol/records.ts";
import { markerBatch, readMarker } from "../../protocol/transaction-marker.ts";
import { madeBatch, marker as madeMarker } from "../support/made-batch.ts";

describe("a transaction marker", () => {
  for (const committed of [true, false]) {
    test(`says that a transaction ${committed ? "committed" : "aborted"}`, () => {
      const marker = { producerId: 5000, producerEpoch: 7, committed, coordinatorEpoch: 3 };
      const bytes = markerBatch(marker, 1_700_000_000_000);
      const header = readBatchHeader(bytes, 0)!;
      checkCrc(bytes, header);
      assert.equal(header.end, bytes.length);
      assert.ok(isControl(header) && isTransactional(header));
      assert.deepEqual([header.recordCount, header.lastOffsetDelta, header.baseSequence], [1, 0, -1]);
      assert.deepEqual([header.baseTimestamp, header.maxTimestamp], [1_700_000_000_000, 1_700_000_000_000]);
      assert.deepEqual(readMarker(bytes, header), marker);
      assert.deepEqual(readFetched(bytes, 0, null, 100).records, [], "readers pass over it");
    });
  }

  test("is read as others write it", () => {
    const bytes = madeMarker(10, 5000, "commit");
    const expected = { producerId: 5000, producerEpoch: 0, committed: true, coordinatorEpoch: 0 };
    assert.deepEqual(readMarker(bytes, readBatchHeader(bytes, 0)!), expected);
  });

  test("that is none is an error", () => {
    for (const records of [[], [{ value: "x" }], [{ key: "ab", value: "cdefgh" }]]) {
      const bytes = madeBatch({ baseOffset: 0, control: true, records });
      assert.throws(() => readMarker(bytes, readBatchHeader(bytes, 0)!), DecodeError);
    }
  });
});
