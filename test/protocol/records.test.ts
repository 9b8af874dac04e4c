import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BatchBuilder, NO_PRODUCER } from "../../protocol/batch-builder.ts";
import { CodecUnavailableError } from "../../protocol/compression.ts";
import { DecodeError } from "../../protocol/reader.ts";
import { UnreadableBatchError } from "../../protocol/record-batch.ts";
import { type FetchedRecords, readFetched } from "../../protocol/records.ts";
import { fuzzRuns } from "../support/fuzz-runs.ts";
import { joined, type MadeBatch, madeBatch, marker } from "../support/made-batch.ts";

const LIMIT = 1 << 24;

/** A data batch of a transaction, each record's value its name. */
function data(baseOffset: number, producerId: number, ...values: string[]): Uint8Array<ArrayBuffer> {
  return madeBatch({ baseOffset, producerId, transactional: true, records: values.map((value) => ({ value })) });
}

function plain(baseOffset: number, ...values: string[]): Uint8Array<ArrayBuffer> {
  return madeBatch({ baseOffset, records: values.map((value) => ({ value })) });
}

/** Reads as read_committed; `aborted` as [producer id, first offset]. */
function read(
  bytes: Uint8Array<ArrayBuffer>,
  from = 0,
  aborted: readonly (readonly [number, number])[] = [],
): FetchedRecords & { readonly values: string[] } {
  const list = aborted.map(([producerId, firstOffset]) => ({ producerId, firstOffset }));
  const fetched = readFetched(bytes, from, list, LIMIT);
  return {
    ...fetched,
    values: fetched.records.map(({ value }) => new TextDecoder().decode(value ?? new Uint8Array(0))),
  };
}

describe("readFetched under read_committed", () => {
  test("readFetched leaves out the aborted runs of one producer and keeps the committed ones between (platformatic delivers some)", () => {
    const log = joined(
      ...[data(0, 7, "abort1"), marker(1, 7, "abort"), data(2, 7, "commit1"), marker(3, 7, "commit")],
      ...[data(4, 7, "abort2"), marker(5, 7, "abort"), data(6, 7, "commit2"), marker(7, 7, "commit")],
      ...[data(8, 7, "abort3"), marker(9, 7, "abort")],
    );
    const { values, nextOffset } = read(log, 0, [
      [7, 0],
      [7, 4],
      [7, 8],
    ]);
    assert.deepEqual(values, ["commit1", "commit2"]);
    assert.equal(nextOffset, 10);
  });

  test("readFetched takes the aborted transactions in any order (Redpanda sends them unsorted)", () => {
    const log = joined(
      data(0, 7, "a"),
      marker(1, 7, "abort"),
      data(2, 7, "b"),
      marker(3, 7, "commit"),
      data(4, 7, "c"),
      marker(5, 7, "abort"),
    );
    assert.deepEqual(
      read(log, 0, [
        [7, 4],
        [7, 0],
      ]).values,
      ["b"],
    );
  });

  test("readFetched tells producers apart, however their transactions interleave", () => {
    const log = joined(
      ...[data(0, 1, "a1"), data(1, 2, "b1"), data(2, 1, "a2"), marker(3, 1, "abort"), data(4, 2, "b2")],
      ...[data(5, 1, "a3"), marker(6, 2, "abort"), data(7, 2, "b3"), marker(8, 1, "commit"), marker(9, 2, "commit")],
    );
    assert.deepEqual(
      read(log, 0, [
        [1, 0],
        [2, 1],
      ]).values,
      ["a3", "b3"],
    );
  });

  test("readFetched leaves out an aborted run whose marker lies beyond the response (platformatic delivers it)", () => {
    assert.deepEqual(read(joined(plain(0, "x"), data(1, 7, "a"), data(2, 7, "b")), 0, [[7, 1]]).values, ["x"]);
  });

  test("readFetched that begins in the middle of an aborted transaction leaves out its rest, and no more", () => {
    const log = joined(data(5, 7, "a"), marker(6, 7, "abort"), data(7, 7, "b"), marker(8, 7, "commit"));
    assert.deepEqual(read(log, 5, [[7, 2]]).values, ["b"]);
  });

  test("readFetched keeps what an aborting producer wrote outside of transactions", () => {
    const outside = madeBatch({ baseOffset: 1, producerId: 7, records: [{ value: "outside" }] });
    assert.deepEqual(read(joined(data(0, 7, "a"), outside, marker(2, 7, "abort")), 0, [[7, 0]]).values, ["outside"]);
  });

  test("readFetched passes over an abort marker of no transaction that it was told of (platformatic #391)", () => {
    const log = joined(
      marker(0, 7, "abort"),
      data(1, 7, "a"),
      marker(2, 7, "commit"),
      data(3, 7, "b"),
      marker(4, 7, "abort"),
    );
    assert.deepEqual(read(log, 0, [[7, 3]]).values, ["a"]);
  });

  test("readFetched gives all data, and no marker, under read_uncommitted", () => {
    const log = joined(data(0, 7, "a"), marker(1, 7, "abort"), plain(2, "b"));
    const fetched = readFetched(log, 0, null, LIMIT);
    assert.equal(fetched.records.length, 2);
    assert.equal(fetched.nextOffset, 3);
  });

  test("readFetched agrees with a plain account of the log, wherever a response begins and ends", () => {
    const step = fc.record({
      producer: fc.integer({ min: 1, max: 3 }),
      end: fc.constantFrom("no", "no", "abort", "commit"),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), fc.nat(40), fc.nat(40), (steps, cut1, cut2) => {
        const log = account(steps);
        const [from, to] = [Math.min(cut1, cut2) % log.length, (Math.max(cut1, cut2) % log.length) + 1];
        const part = log.slice(from, Math.max(to, from + 1));
        const end = part.at(-1)!.offset;
        const touching = [...new Set(log.flatMap(({ transaction }) => transaction ?? []))].filter(
          ({ aborted, first, last }) => aborted && last >= part[0]!.offset && first <= end,
        );
        const fetched = read(
          joined(...part.map(({ bytes }) => bytes)),
          part[0]!.offset,
          touching.map(({ producer, first }) => [producer, first]),
        );
        const expected = part.filter(({ isMarker, transaction }) => !isMarker && !transaction?.aborted);
        assert.deepEqual(
          fetched.values,
          expected.map(({ offset }) => String(offset)),
        );
        assert.equal(fetched.nextOffset, end + 1);
      }),
      { numRuns: 500 },
    );
  });
});

interface Transaction {
  readonly producer: number;
  readonly first: number;
  last: number;
  aborted: boolean;
}

interface LogEntry {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly isMarker: boolean;
  readonly transaction: Transaction | undefined;
}

/** Writes a log as steps say, and keeps account of who aborted what. A transaction that is open in the end is committed. */
function account(steps: readonly { readonly producer: number; readonly end: string }[]): LogEntry[] {
  const open = new Map<number, Transaction>();
  const log: LogEntry[] = [];
  const finish = (producer: number, type: "abort" | "commit"): void => {
    const offset = log.length;
    const transaction = open.get(producer);
    open.delete(producer);
    if (transaction !== undefined) Object.assign(transaction, { last: offset, aborted: type === "abort" });
    log.push({ offset, bytes: marker(offset, producer, type), isMarker: true, transaction });
  };
  for (const { producer, end } of steps) {
    const offset = log.length;
    if (end === "abort" || end === "commit") finish(producer, end);
    else {
      const transaction = open.get(producer) ?? { producer, first: offset, last: offset, aborted: false };
      open.set(producer, transaction);
      log.push({ offset, bytes: data(offset, producer, String(offset)), isMarker: false, transaction });
    }
  }
  for (const producer of [...open.keys()]) finish(producer, "commit");
  return log;
}

describe("readFetched", () => {
  test("readFetched drops the records below the offset that was asked for", () => {
    const { values, nextOffset } = read(plain(10, "a", "b", "c", "d"), 12);
    assert.deepEqual([values, nextOffset], [["c", "d"], 14]);
  });

  test("readFetched goes on past the gaps that compaction leaves, inside batches and between them", () => {
    const gaps = madeBatch({
      baseOffset: 5,
      lastOffsetDelta: 9,
      records: [
        { delta: 2, value: "a" },
        { delta: 7, value: "b" },
      ],
    });
    const fetched = read(joined(gaps, plain(20, "c")), 5);
    assert.deepEqual(
      fetched.records.map(({ offset }) => offset),
      [7, 12, 20],
    );
    assert.equal(fetched.nextOffset, 21);
    assert.equal(read(gaps, 5).nextOffset, 15);
  });

  test("readFetched goes on past a batch without records", () => {
    const empty = madeBatch({ baseOffset: 3, lastOffsetDelta: 4, leaderEpoch: 6 });
    assert.deepEqual([read(empty, 3).nextOffset, read(empty, 3).leaderEpoch], [8, 6]);
    assert.deepEqual(read(joined(empty, plain(8, "a")), 3).values, ["a"]);
  });

  test("readFetched leaves a cut last batch for the next fetch", () => {
    const last = plain(1, "b");
    for (let length = 0; length < last.length; length++) {
      const { values, nextOffset } = read(joined(plain(0, "a"), last.subarray(0, length)));
      assert.deepEqual([values, nextOffset], [["a"], 1]);
    }
  });

  test("readFetched throws where nothing whole has come, for the same would come for ever", () => {
    const only = plain(5, "a");
    for (const length of [1, 16, 17, 60, only.length - 1]) {
      assert.throws(
        () => read(only.slice(0, length), 5),
        (error: unknown) => error instanceof DecodeError && /offset 5/.test(error.message),
      );
    }
    assert.throws(() => read(plain(0, "a"), 5), DecodeError, "only what was read before");
    assert.deepEqual(read(new Uint8Array(0), 5).nextOffset, 5);
  });

  test("readFetched throws for a damaged first batch, and hands out what comes before a later one", () => {
    const bad = plain(1, "damaged");
    bad[bad.length - 3]! ^= 1;
    const fetched = read(joined(plain(0, "a"), bad, plain(2, "c")));
    assert.deepEqual([fetched.values, fetched.nextOffset], [["a"], 1]);
    assert.throws(() => read(joined(bad, plain(2, "c")), 1), /batch at offset 1 is corrupt: CRC/);
  });

  test("readFetched throws for formats before 2, by their number", () => {
    const old = plain(0, "a");
    old[16] = 1;
    assert.throws(
      () => read(old),
      (error: unknown) => error instanceof UnreadableBatchError && /format 1/.test(error.message),
    );
  });

  test("readFetched gives the broker's time to every record where the topic says LogAppendTime", () => {
    const batch: MadeBatch = {
      baseOffset: 0,
      baseTimestamp: 1_000,
      maxTimestamp: 5_000,
      records: [{ time: 1 }, { time: 7 }],
    };
    assert.deepEqual(
      read(madeBatch({ ...batch, logAppendTime: true })).records.map(({ timestamp }) => timestamp),
      [5_000, 5_000],
    );
    assert.deepEqual(
      read(madeBatch(batch)).records.map(({ timestamp }) => timestamp),
      [1_001, 1_007],
    );
  });

  test("readFetched reads several batches, each with a codec of its own", () => {
    const codecs = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
    const parts = codecs.map((compression, i) =>
      madeBatch({ baseOffset: i, compression, records: [{ value: compression }] }),
    );
    assert.deepEqual(read(joined(...parts)).values, codecs);
  });

  test("readFetched names a codec that nobody knows, and hands out what comes before it", () => {
    const unknown = madeBatch({ baseOffset: 1, codecId: 6, records: [{ value: "a" }] });
    assert.throws(() => read(unknown, 1), /codec 6/);
    assert.deepEqual(read(joined(plain(0, "a"), unknown)).values, ["a"]);
  });

  test("readFetched bounds what a batch may grow to", () => {
    const large = madeBatch({ baseOffset: 0, compression: "gzip", records: [{ value: "x".repeat(10_000) }] });
    assert.throws(() => readFetched(large, 0, null, 1_000), UnreadableBatchError);
  });

  test("readFetched tells keys, tombstones and the last leader epoch apart", () => {
    const bytes = joined(
      madeBatch({ baseOffset: 0, leaderEpoch: 3, records: [{ key: "", value: "" }, { key: "k" }, { value: "v" }] }),
      madeBatch({ baseOffset: 3, leaderEpoch: 4, records: [{ value: "w" }] }),
    );
    const fetched = readFetched(bytes, 0, null, LIMIT);
    assert.deepEqual(
      fetched.records.map(({ key, value }) => [key?.length ?? null, value?.length ?? null]),
      [
        [0, 0],
        [1, null],
        [null, 1],
        [null, 1],
      ],
    );
    assert.equal(fetched.leaderEpoch, 4);
    assert.equal(
      fetched.byteLength,
      fetched.records.reduce((sum, { byteLength }) => sum + byteLength, 0),
    );
  });

  test("readFetched of any bytes gives records or a named error", () => {
    const seed = joined(
      plain(0, "a", "b"),
      data(2, 7, "c"),
      marker(3, 7, "abort"),
      madeBatch({ baseOffset: 4, compression: "lz4", records: [{ value: "dddddddddddddddddddd" }] }),
    );
    const damage = fc.array(fc.tuple(fc.nat(seed.length - 1), fc.nat(255)), { maxLength: 6 });
    fc.assert(
      fc.property(damage, fc.nat(seed.length), fc.nat(6), (changes, length, from) => {
        const bytes = seed.slice(0, length);
        for (const [at, value] of changes) if (at < length) bytes[at] = value;
        try {
          assert.ok(read(bytes, from, [[7, 2]]).nextOffset >= from);
        } catch (error) {
          assert.ok(error instanceof DecodeError || error instanceof CodecUnavailableError, String(error));
        }
      }),
      { numRuns: fuzzRuns(2_000) },
    );
  });
});

describe("a record's parts", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 12 });
  const header = fc.tuple(
    fc.oneof(text, fc.constant("at")),
    fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.constant(null)),
  );
  const record = fc.record({
    key: fc.oneof(fc.constant(null), fc.uint8Array({ maxLength: 40 })),
    value: fc.oneof(fc.constant(null), fc.uint8Array({ maxLength: 200 })),
    headers: fc.array(header, { maxLength: 8 }),
  });

  test("the last header of a name is what all headers say it is, and a record by itself is the same", () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 5 }), (records) => {
        const builder = new BatchBuilder(1 << 20);
        for (const { key, value, headers } of records) builder.append(key, value, 7, headers);
        builder.close("none");
        const bytes = builder.stamped(NO_PRODUCER);
        for (const [i, read] of readFetched(bytes, 0, null, LIMIT).records.entries()) {
          const { headers, value } = records[i]!;
          for (const each of [read, read.detached()]) {
            for (const name of ["at", "none", ...headers.map(([key]) => key)]) {
              const found = headers.findLast(([key]) => key === name);
              const cut = each.readLastHeader(new TextEncoder().encode(name), (all, from, to) => all.slice(from, to));
              assert.deepEqual(cut, found?.[1] ?? undefined);
            }
            assert.equal(each.isTombstone, value === null);
            assert.deepEqual(each.readKey((all, from, to) => all.slice(from, to)) ?? null, read.key);
            assert.deepEqual([each.key, each.value, each.offset, each.timestamp], [read.key, read.value, i, 7]);
            assert.deepEqual(each.headers, read.headers);
          }
          assert.equal(read.detached().value?.buffer.byteLength ?? read.byteLength, read.byteLength);
        }
      }),
    );
  });
});
