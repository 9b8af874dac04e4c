import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { crc32c } from "../../protocol/crc32c.ts";
import { type JournalChange, noJournal, openJournal } from "../../src/broker/journal.ts";
import type { JournalValue } from "../../src/broker/journal-value.ts";
import { StorageError } from "../../src/broker/storage.ts";
import { MemoryStorage } from "../support/memory-storage.ts";

const PATH = "some.journal";
const anyValue: fc.Arbitrary<JournalValue> = fc.oneof(
  fc.constantFrom<JournalValue>(null, true, 0, -1.5, Number.MAX_SAFE_INTEGER, "", "ö\u0000\ud83d\ude00"),
  fc.uint8Array({ maxLength: 20 }),
  fc.record(
    { name: fc.string(), bytes: fc.uint8Array({ maxLength: 5 }), list: fc.array(fc.integer()) },
    { noNullPrototype: true },
  ),
);
const anyWrite: fc.Arbitrary<JournalChange[]> = fc.array(
  fc.tuple(fc.constantFrom("a", "b", "c", "__proto__"), fc.option(anyValue, { nil: undefined })),
  { maxLength: 4 },
);

/** What a journal is to hold after the first `count` writes. */
function model(writes: readonly (readonly JournalChange[])[], count: number): [string, JournalValue][] {
  const entries = new Map<string, JournalValue>();
  for (const write of writes.slice(0, count)) {
    for (const [key, value] of write) {
      if (value === undefined) entries.delete(key);
      else entries.set(key, value);
    }
  }
  return [...entries];
}

function held(storage: MemoryStorage): Map<string, JournalValue> {
  return new Map(openJournal(storage, PATH).entries);
}

/** A frame as a journal writes them, of any payload. */
function frame(payload: string): Uint8Array {
  const bytes = new TextEncoder().encode(`........${payload}`);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length - 8);
  view.setUint32(4, crc32c(bytes, 8, bytes.length));
  return bytes;
}

describe("a journal", () => {
  test("holds what was written last, for whoever opens it next", () => {
    fc.assert(
      fc.property(fc.array(anyWrite, { maxLength: 20 }), (writes) => {
        const storage = new MemoryStorage();
        const journal = openJournal(storage, PATH);
        for (const write of writes) journal.write(write);
        const expected = new Map(model(writes, writes.length));
        assert.deepEqual(new Map(journal.entries), expected);
        assert.deepEqual(held(storage), expected);
      }),
    );
  });

  test("cut at any byte, holds the writes before it, each whole or not at all, and goes on", () => {
    fc.assert(
      fc.property(fc.array(anyWrite, { minLength: 1, maxLength: 6 }), (writes) => {
        const storage = new MemoryStorage();
        const journal = openJournal(storage, PATH);
        const ends = writes.map((write) => {
          journal.write(write);
          return storage.files.get(PATH)!.length;
        });
        for (let cut = 0; cut <= ends.at(-1)!; cut++) {
          const found = storage.copy();
          found.files.set(PATH, found.files.get(PATH)!.slice(0, cut));
          const whole = ends.filter((end) => end <= cut).length;
          assert.deepEqual(held(found), new Map(model(writes, whole)), `cut at ${cut}`);
          openJournal(found, PATH).write([["new", 1]]);
          assert.deepEqual(held(found), new Map([...model(writes, whole), ["new", 1]]));
        }
      }),
      { numRuns: 30 },
    );
  });

  test("damaged before its last write, says where instead of losing what follows", () => {
    const storage = new MemoryStorage();
    const journal = openJournal(storage, PATH);
    journal.write([["a", 1]]);
    const second = storage.files.get(PATH)!.length;
    journal.write([["b", 2]]);
    const third = storage.files.get(PATH)!.length;
    journal.write([["c", 3]]);
    for (let at = second; at < third; at++) {
      const found = storage.copy();
      found.files.get(PATH)![at]! ^= 0xff;
      assert.throws(() => held(found), {
        code: "DAMAGED",
        message: new RegExp(`^some.journal is damaged at byte ${second},`),
      });
    }
  });

  test("names its file where that has what no journal writes, though its sum is right", () => {
    for (const payload of ['[["a",1', '[[1,"a"]]', '[["a",1],2]', '[["a",{"$bytes":"%"}]]'])
      assert.throws(
        () => held(new MemoryStorage(new Map([[PATH, frame(payload)]]))),
        (error) => error instanceof StorageError && error.code === "DAMAGED" && error.message.includes(PATH),
        payload,
      );
  });

  test("keeps its file within a few times what it holds", () => {
    const storage = new MemoryStorage();
    const journal = openJournal(storage, PATH);
    for (let i = 0; i < 5000; i++) journal.write([[`key ${i % 10}`, { number: i, text: "x".repeat(100) }]]);
    assert.ok(storage.files.get(PATH)!.length <= 64 * 1024 + 200, `${storage.files.get(PATH)!.length} bytes`);
    assert.deepEqual(held(storage).get("key 9"), { number: 4999, text: "x".repeat(100) });
  });

  test("takes a write although there is no room to make its file smaller", () => {
    const storage = new MemoryStorage();
    const journal = openJournal(storage, PATH);
    const long = "x".repeat(1000);
    for (let i = 0; i < 60; i++) journal.write([["a", `${i}${long}`]]);
    storage.replace = () => {
      throw new StorageError("UNAVAILABLE", "no space");
    };
    for (let i = 0; i < 60; i++) journal.write([["a", `${i}${long}`]]);
    assert.deepEqual([...held(storage.copy())], [["a", `59${long}`]]);
  });

  test("takes back a write that fails", () => {
    const storage = new MemoryStorage();
    const journal = openJournal(storage, PATH);
    journal.write([["a", 1]]);
    storage.budget = 5;
    assert.throws(() => journal.write([["a", 2]]), { code: "UNAVAILABLE" });
    assert.deepEqual([...journal.entries], [["a", 1]]);
    assert.deepEqual([...held(storage.copy())], [["a", 1]]);
    storage.budget = 1000;
    journal.write([["b", 3]]);
    assert.deepEqual(
      [...held(storage)],
      [
        ["a", 1],
        ["b", 3],
      ],
    );
  });

  test("in memory mode is empty, and writing costs nothing", () => {
    noJournal.write([["a", 1]]);
    assert.deepEqual([...noJournal.entries], []);
  });
});
