import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { JournalValue } from "../../src/broker/journal-value.ts";
import { type LogStart, PartitionFiles } from "../../src/broker/partition-files.ts";
import { PartitionLog } from "../../src/broker/partition-log.ts";
import { MemoryStorage } from "../support/memory-storage.ts";
import { batchOf } from "./raw-client.ts";

const FOLDER = "topics/t/0";
const RULES = { segmentBytes: 250, segmentMs: Number.POSITIVE_INFINITY };

/** A log in a storage, with what a partition remembers of it: here, how many batches there were. */
interface Kept {
  readonly storage: MemoryStorage;
  start: LogStart;
  readonly log: PartitionLog;
  batches: number;
}

function open(storage: MemoryStorage, start: LogStart = { offset: 0, state: null }): Kept {
  const keeper = {
    get kept() {
      return kept.start;
    },
    keep: (moved: LogStart) => {
      kept.start = moved;
    },
  };
  const kept = { storage, start, batches: 0 } as { -readonly [Name in keyof Kept]: Kept[Name] };
  kept.log = new PartitionLog({
    files: new PartitionFiles(storage, FOLDER, keeper),
    state: (): JournalValue => kept.batches,
  });
  kept.log.configure(RULES);
  const { states, from } = kept.log.recovered;
  kept.batches = ((states.at(-1) as number | undefined) ?? 0) + [...kept.log.batches(from)].length;
  return kept;
}

/** As another process finds it after this one was killed. */
function reopen({ storage, start }: Kept): Kept {
  return open(storage.copy(), start);
}

function append(kept: Kept, values: readonly string[], epoch = 0): number {
  const bytes = batchOf(
    values.map((value) => [null, value]),
    kept.batches,
  );
  const offset = kept.log.append({ bytes, offsetCount: values.length, maxTimestamp: kept.batches }, epoch);
  kept.batches += 1;
  return offset;
}

function bases({ log }: Kept): number[] {
  return [...log.batches()].map(({ header }) => header.baseOffset);
}

function lastFile({ storage }: Kept): string {
  return [...storage.files.keys()]
    .filter((path) => path.endsWith(".log"))
    .sort()
    .at(-1)!;
}

type Step =
  | { readonly do: "append"; readonly count: number; readonly epoch: number }
  | { readonly do: "roll" }
  | { readonly do: "delete" | "truncate"; readonly at: number };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("append" as const),
      count: fc.integer({ min: 1, max: 4 }),
      epoch: fc.nat({ max: 1 }),
    }),
  },
  fc.record({ do: fc.constant("roll" as const) }),
  fc.record({ do: fc.constantFrom("delete" as const, "truncate" as const), at: fc.nat({ max: 30 }) }),
);

describe("the files of a log", () => {
  test("hold at any time what the log holds, for any history", () => {
    fc.assert(
      fc.property(fc.array(anyStep, { minLength: 1, maxLength: 40 }), (steps) => {
        const kept = open(new MemoryStorage());
        let epoch = 0;
        for (const step of steps) {
          if (step.do === "append") {
            epoch += step.epoch;
            append(kept, new Array<string>(step.count).fill("value"), epoch);
          } else if (step.do === "roll") kept.log.roll();
          else if (step.do === "delete") kept.log.deleteBefore(Math.min(step.at, kept.log.endOffset));
          else kept.log.truncate(step.at);
          const found = reopen(kept);
          assert.deepEqual(
            [found.log.startOffset, found.log.endOffset, found.log.size],
            [kept.log.startOffset, kept.log.endOffset, kept.log.size],
          );
          assert.deepEqual(bases(found), bases(kept));
          for (let old = 0; old < epoch; old++) {
            const end = kept.log.endOfEpoch(old);
            if (end !== undefined && end.endOffset < kept.log.endOffset && end.endOffset > kept.log.startOffset) {
              assert.deepEqual(found.log.endOfEpoch(old)?.endOffset, end.endOffset, `epoch ${old}`);
            }
          }
          append(found, ["next"], epoch);
          assert.equal(bases(found).at(-1), kept.log.endOffset, "it goes on where it was");
        }
      }),
      { numRuns: 200 },
    );
  });

  test("bring what was remembered with them, and the batches since", () => {
    const kept = open(new MemoryStorage());
    for (let i = 0; i < 20; i++) {
      append(kept, ["value"]);
      assert.equal(reopen(kept).batches, i + 1);
    }
    kept.log.deleteBefore(19);
    assert.equal(reopen(kept).batches, 20, "those whose files are gone too");
    kept.log.deleteBefore(20);
    assert.equal(kept.log.size, 0);
    assert.equal(reopen(kept).batches, 20, "even where no batch is left");
  });

  test("cut at any byte of the last one, hold the whole batches before, and go on", () => {
    const kept = open(new MemoryStorage());
    for (let i = 0; i < 9; i++) append(kept, ["a", "b"]);
    const path = lastFile(kept);
    const size = kept.storage.files.get(path)!.length;
    const before = bases(kept).filter((base) => base < kept.log.chunks.at(-1)!.baseOffset).length;
    const batchSize = size / (9 - before);
    for (let cut = 0; cut <= size; cut++) {
      const storage = kept.storage.copy();
      storage.files.set(path, storage.files.get(path)!.slice(0, cut));
      const found = open(storage, kept.start);
      const whole = before + Math.floor(cut / batchSize);
      assert.deepEqual(bases(found), bases(kept).slice(0, whole), `cut at ${cut}`);
      assert.equal(append(found, ["next"]), 2 * whole);
      assert.deepEqual(bases(reopen(found)), [...bases(kept).slice(0, whole), 2 * whole]);
    }
  });

  test("with any byte of the last one wrong, either lose what may not have been whole, or say where", () => {
    const kept = open(new MemoryStorage());
    for (let i = 0; i < 9; i++) append(kept, ["a"]);
    const path = lastFile(kept);
    const { length } = kept.storage.files.get(path)!;
    const { baseOffset, batchCount } = kept.log.chunks.at(-1)!;
    assert.ok(batchCount >= 3);
    for (let at = 0; at < length; at++) {
      const storage = kept.storage.copy();
      storage.files.get(path)![at]! ^= 0x55;
      const batch = Math.floor((at * batchCount) / length);
      const byte = (batch * length) / batchCount;
      // What tells the epoch is not covered by the CRC.
      if (at - byte >= 12 && at - byte < 16) continue;
      if (batch === batchCount - 1) {
        const end = open(storage, kept.start).log.endOffset;
        assert.equal(end, baseOffset + batch, `byte ${at}`);
      } else {
        const message = new RegExp(
          `${path} is damaged at byte ${byte}, after offset ${baseOffset + batch - 1}, and more follows`,
        );
        assert.throws(
          () => open(storage, kept.start),
          { name: "StorageError", code: "DAMAGED", message },
          `byte ${at}`,
        );
      }
    }
  });

  test("in the middle missing, cut, or with a damaged index, are named", () => {
    const kept = open(new MemoryStorage());
    for (let i = 0; i < 12; i++) append(kept, ["a"]);
    const logs = [...kept.storage.files.keys()].filter((path) => path.endsWith(".log")).sort();
    assert.ok(logs.length >= 3);
    const middle = logs[1]!;
    const change = (act: (storage: MemoryStorage) => void): MemoryStorage => {
      const storage = kept.storage.copy();
      act(storage);
      return storage;
    };
    const missing = change((storage) => storage.remove(middle));
    assert.throws(() => open(missing), {
      code: "DAMAGED",
      message: /follows a gap: the file with the offsets 3 to 5 is missing/,
    });
    const cut = change((storage) => storage.open(middle).truncate(10));
    assert.throws(() => open(cut), { code: "DAMAGED", message: /-0\.log has 10 bytes, and its index is for \d+/ });
    const index = middle.replace("log", "index");
    const damaged = change((storage) => (storage.files.get(index)![20]! ^= 1));
    assert.throws(() => open(damaged), { code: "DAMAGED", message: /-0\.index is damaged/ });
    const without = open(change((storage) => storage.remove(index)));
    assert.deepEqual(bases(without), bases(kept), "an index that is gone is made from the batches");
    assert.equal(without.batches, 12);
  });

  test("that cannot be written leave the log as it was", () => {
    const kept = open(new MemoryStorage());
    append(kept, ["a"]);
    const { endOffset } = kept.log;
    for (let budget = 0; budget < 60; budget += 7) {
      kept.storage.budget = budget;
      assert.throws(() => append(kept, ["b"]), { code: "UNAVAILABLE" });
      assert.equal(kept.log.endOffset, endOffset);
      assert.deepEqual(bases(reopen(kept)), [0]);
    }
    kept.storage.budget = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 9; i++) append(kept, ["c"]);
    assert.deepEqual(bases(reopen(kept)), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});
