import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { placeInLanes } from "../../src/jobs/lane-placement.ts";
import { ReceivedJob } from "../../src/jobs/received-job.ts";
import { jsonSerializer } from "../../src/jobs/serializer.ts";
import { resolveVirtualPartitions, type VirtualPartitionsOptions } from "../../src/jobs/virtual-partitions.ts";

const encoder = new TextEncoder();

/** A job that travels with its key as the record's, or in a header. */
function job(offset: number, key: string | undefined, inHeader = false, payload: unknown = null): ReceivedJob {
  const headers: (readonly [string, Uint8Array])[] = [["ottla-job", encoder.encode("work")]];
  if (key !== undefined && inHeader) headers.push(["ottla-key", encoder.encode(key)]);
  return new ReceivedJob("q", 0, {
    ...{ offset, timestamp: 0, headers, value: encoder.encode(JSON.stringify(payload)) },
    key: key === undefined || inHeader ? null : encoder.encode(key),
  });
}

function place(jobs: readonly (ReceivedJob | undefined)[], options: VirtualPartitionsOptions): readonly number[] {
  return placeInLanes(jobs, resolveVirtualPartitions(options, "virtualPartitions")!, jsonSerializer);
}

test("S5.1 a key's first job goes to the lane with the fewest jobs, and the others follow it", () => {
  const keys = ["a", "a", "a", "b", "c", "b", "d"];
  assert.deepEqual(
    place(
      keys.map((key, offset) => job(offset, key)),
      { max: 3 },
    ),
    [0, 0, 0, 1, 2, 1, 2],
  );
});

test("S5.1 jobs of one key share a lane however the key travels, and jobs without one are spread evenly", () => {
  const property = fc.property(
    fc.array(fc.tuple(fc.option(fc.constantFrom("a", "b", "c", "__proto__"), { nil: undefined }), fc.boolean())),
    fc.integer({ min: 1, max: 64 }),
    (drawn, max) => {
      const lanes = place(
        drawn.map(([key, inHeader], offset) => job(offset, key, inHeader)),
        { max },
      );
      const laneOf = new Map<string, number>();
      for (const [i, [key]] of drawn.entries()) {
        assert.ok(lanes[i]! >= 0 && lanes[i]! < max);
        if (key !== undefined) assert.equal(lanes[i], laneOf.get(key) ?? lanes[i]);
        if (key !== undefined) laneOf.set(key, lanes[i]!);
      }
      if (drawn.every(([key]) => key === undefined) && drawn.length > 0) {
        const counts = Array.from({ length: max }, (_, lane) => lanes.filter((each) => each === lane).length);
        assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, `${counts}`);
      }
    },
  );
  fc.assert(property);
});

test("S5.1 a partitioner says what order is kept for, and a reducer, asked once for each key, in which lane", () => {
  const asked: (readonly [string, number])[] = [];
  const jobs = [3, 4, 3, 7, 4].map((user, offset) => job(offset, `k${offset}`, false, { user }));
  const lanes = place(jobs, {
    max: 8,
    partitioner: ({ payload }) => (payload as { user: number }).user,
    reducer: (key, max) => {
      asked.push([key, max]);
      return Number(key);
    },
  });
  assert.deepEqual(lanes, [3, 4, 3, 7, 4]);
  assert.deepEqual(asked, [
    ["3", 8],
    ["4", 8],
    ["7", 8],
  ]);
});

test("S5.1 a partitioner sees the job as it came", () => {
  const seen: unknown[] = [];
  place([job(5, "k", true, [1])], {
    max: 2,
    partitioner: ({ id, name, queue, key, partition, offset, headers, payload, enqueuedAt }) => {
      seen.push(id, name, queue, key, partition, offset, headers, payload, enqueuedAt.getTime());
      return name;
    },
  });
  assert.deepEqual(seen, ["q/0/5", "work", "q", "k", 0, 5, {}, [1], 0]);
});

test("S5.1 a record that names no job has a lane, too, and no partitioner is asked for it", () => {
  const partitioner = (): string => assert.fail("it is no job");
  assert.deepEqual(place([undefined, undefined], { max: 2, partitioner }), [0, 1]);
});

test("S5.1 what a partitioner or a reducer may not give is an error that says what was wrong", () => {
  const jobs = [job(0, "k")];
  for (const result of [undefined, null, "", Number.NaN, {}, Promise.resolve("a")])
    assert.throws(() => place(jobs, { max: 2, partitioner: () => result as string }), { name: "InvalidKeyError" });
  for (const lane of [-1, 2, 0.5, Number.NaN, "1", undefined])
    assert.throws(() => place(jobs, { max: 2, reducer: () => lane as number }), {
      name: "InvalidOptionError",
      message: /from 0 to 1/,
    });
});

test("S5.1 options that make no sense are refused by name", () => {
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [{}, /q\.max.*missing/],
    [{ max: 0 }, /q\.max.*from 1 to 64/],
    [{ max: 65 }, /q\.max.*from 1 to 64/],
    [{ max: 2, partitoner: () => 1 }, /did you mean "partitioner"/],
    [{ max: 2, reducer: 3 }, /q\.reducer.*a function/],
    [4, /q.*an object/],
  ];
  for (const [options, message] of wrong)
    assert.throws(() => resolveVirtualPartitions(options, "q"), { name: "InvalidOptionError", message });
});
