import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultPartition } from "../../src/client/default-partitioner.ts";
import { InvalidOptionError } from "../../src/jobs/errors.ts";
import type { MessageToSchedule } from "../../src/jobs/schedule-message.ts";
import { headersOf, SCHEDULE, stage, startScheduleScene } from "../support/schedule-scene.ts";
import { BENCH_START } from "../support/worker-bench.ts";

const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : new TextDecoder().decode(bytes));

test("S7.1 S7.4 plain messages arrive as they were given: bytes, no value, no key, headers, a partition", async (t) => {
  const { bench, scene } = await startScheduleScene(t, { topics: { q: 1, plain: 4 } }, 2);
  const process = scene.process("w");
  await process.work({ queues: [] });
  const at = new Date(BENCH_START + 20_000);
  const key = new Uint8Array([0, 255, 128]);
  const messages: readonly Omit<MessageToSchedule, "at" | "topic">[] = [
    { key, value: new Uint8Array([1, 0, 254]), headers: { a: "1", b: new Uint8Array([9, 200]) } },
    { key: "gone", value: null },
    { key: "empty", value: "" },
    { key: "", value: "empty key" },
    { key: null, value: "no key", partition: 3 },
    {
      key: "given",
      value: "partition",
      partition: 2,
      headers: [
        ["a", "1"],
        ["a", "2"],
        ["none", null],
      ],
    },
  ];
  const made = [];
  for (const message of messages) made.push(await bench.run(process.app.schedule({ topic: "plain", at, ...message })));
  assert.deepEqual([made[0]!.state, made[0]!.dueAt, made[0]!.topic], ["scheduled", at, SCHEDULE]);
  assert.equal(made[0]!.target.partition, defaultPartition(key, 4));
  assert.deepEqual([made[4]!.target, made[5]!.target.partition], [{ topic: "plain", partition: 3 }, 2]);
  await bench.until(() => scene.left(0).size + scene.left(1).size === 0, 60_000);
  const records = [0, 1, 2, 3].flatMap((partition) =>
    bench.committedRecords("plain", partition).map((record) => ({ partition, record })),
  );
  assert.equal(records.length, messages.length);
  const found = (n: number): (typeof records)[number] => {
    const wanted = messages[n]!;
    const bytes = (data: unknown): string => String(typeof data === "string" ? new TextEncoder().encode(data) : data);
    return records.find(
      ({ record }) => bytes(record.key) === bytes(wanted.key) && bytes(record.value) === bytes(wanted.value),
    )!;
  };
  for (let n = 0; n < messages.length; n++)
    assert.equal(found(n)?.partition, made[n]!.target.partition, `message ${n}`);
  assert.deepEqual(
    found(0).record.headers.map(([name, value]) => [name, [...value!]]),
    [
      ["a", [49]],
      ["b", [9, 200]],
    ],
  );
  assert.deepEqual(
    found(5).record.headers.map(([name, value]) => [name, text(value)]),
    [
      ["a", "1"],
      ["a", "2"],
      ["none", null],
    ],
  );
  assert.deepEqual(headersOf(found(4).record), {});
  assert.ok(records.every(({ record }) => record.timestamp >= at.getTime()));
});

test("S7.1 S7.5 plain messages of the past go out at once, and can be cancelled as jobs can", async (t) => {
  const { bench, scene, worker, asker } = await stage(t);
  await bench.run(asker.app.schedule({ topic: "q", key: "k", value: '{"n":1}', at: BENCH_START - 5_000 }));
  await bench.until(() => bench.committedRecords("q", 0).length === 1, 5_000);
  const later = await bench.run(
    asker.app.schedule({ topic: "q", key: "k", value: '{"n":2}', at: BENCH_START + 60_000 }),
  );
  assert.equal(await bench.run(asker.app.cancel(later)), "cancelled");
  await bench.time.advance(90_000);
  assert.equal(bench.committedRecords("q", 0).length, 1);
  assert.equal(scene.left().size, 0);
  assert.equal(worker.seen("dispatched").length, 1);
  assert.equal(worker.seen("dispatched")[0]!.name, undefined, "it is no job");
});

test("S7.1 a message that cannot wait is refused by the name of what is wrong", async (t) => {
  const { bench, scene, asker } = await stage(t);
  const right = { topic: "q", value: "v", at: BENCH_START + 60_000 };
  const wrong: readonly (readonly [unknown, string])[] = [
    [{ ...right, topic: "" }, "schedule.topic"],
    [{ ...right, topic: SCHEDULE }, "schedule.topic"],
    [{ ...right, topic: `${SCHEDULE}-dead` }, "schedule.topic"],
    [{ ...right, at: undefined }, "schedule.at"],
    [{ ...right, at: new Date(Number.NaN) }, "schedule.at"],
    [{ ...right, at: BENCH_START / 1_000 }, "schedule.at"],
    [{ ...right, at: BENCH_START * 1_000 }, "schedule.at"],
    [{ ...right, partition: -1 }, "schedule.partition"],
    [{ ...right, partition: "1" }, "schedule.partition"],
    [{ ...right, scheduledMessagesTopic: "q" }, "schedule.scheduledMessagesTopic"],
    [{ ...right, headers: { "ottla-at": "now" } }, "schedule.headers.ottla-at"],
    [{ ...right, value: 7 }, "schedule"],
    [{ ...right, wait: "1s" }, "schedule.wait"],
  ];
  for (const [message, option] of wrong)
    await assert.rejects(
      bench.run(asker.app.schedule(message as never)),
      (error) => {
        assert.ok(error instanceof InvalidOptionError, String(error));
        assert.equal(error.option, option);
        return true;
      },
      option,
    );
  await assert.rejects(bench.run(asker.app.schedule({ ...right, topic: "nowhere" })), { name: "TopicMissingError" });
  await assert.rejects(bench.run(asker.app.schedule({ ...right, partition: 7 })), (error) => {
    assert.ok(error instanceof InvalidOptionError, String(error));
    assert.match(error.message, /partition.*7/);
    return true;
  });
  assert.equal(scene.left().size, 0);
});
