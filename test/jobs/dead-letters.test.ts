import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeadLetter } from "../../src/jobs/dead-letter.ts";
import type { AppOptions } from "../../src/jobs/options.ts";
import type { RecordPlace } from "../../src/jobs/record-place.ts";
import { startWorkerBench, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const backoff = { initial: "100ms", max: "1s", jitter: 0 } as const;
const OPTIONS: AppOptions = { queues: { q: { backoff, deadLetterQueue: { topic: "d", maxRetries: 0 } } } };
const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);
const decoder = new TextDecoder();
const places = (letters: readonly DeadLetter[]): string[] =>
  letters.map(({ topic, partition, offset }) => `${topic}/${partition}/${offset}`);
const at = (offset: number, partition = 0, topic = "d"): RecordPlace => ({ topic, partition, offset });

/** A worker whose jobs fail until they are told otherwise. */
function worker(bench: WorkerBench, fails: (payload: unknown) => boolean = () => true): WorkerProcess {
  return bench.process("w", OPTIONS).job("q", (payload) => {
    if (fails(payload)) throw new TypeError(`not ${String(payload)}`);
  });
}

/** Letters as workers write them, one transaction each, so that there are markers between. */
async function bury(bench: WorkerBench, payloads: readonly (readonly unknown[])[]): Promise<WorkerProcess> {
  const process = worker(bench);
  for (const [partition, each] of payloads.entries()) await bench.produce("q", partition, each);
  const running = await process.work();
  await bench.until(() => drained(bench));
  await bench.run(running.close());
  return process;
}

/** A letter of no transaction of its own. */
async function write(bench: WorkerBench, offsets: number, headers: Record<string, string> = {}): Promise<void> {
  await bench.produceRecords(
    range(offsets).map((i) => ({
      topic: "d",
      partition: 0,
      key: "k",
      value: String(i),
      headers: { "ottla-job": "work", "ottla-origin": `q/0/${i}`, "ottla-error": "Error: no", ...headers },
    })),
  );
}

function jobs(bench: WorkerBench, partition = 0): { value: string; headers: Record<string, string> }[] {
  return bench.records("q", partition).map(({ value, headers }) => ({
    value: decoder.decode(value!),
    headers: Object.fromEntries(headers.map(([name, bytes]) => [name, decoder.decode(bytes!)])),
  }));
}

test("S4.5 S1.2 S1.3 a redriven job is in its queue and partition again as it was, begins anew, and counts its redrives", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2, d: 3 } });
  let broken = true;
  const process = worker(bench, () => broken);
  await process.work();
  const headers = { "ottla-job": "work", "ottla-id": "one", "x-tenant": "7", "ottla-new": "carried" };
  const bytes = '{ "odd" : "spacing" }';
  await bench.produceRecords([
    {
      topic: "q",
      partition: 1,
      key: "k",
      value: bytes,
      headers: { ...headers, "ottla-attempt": "1", "ottla-retries": "1" },
    },
  ]);
  await bench.until(() => drained(bench));
  const [letter] = await bench.run(process.app.dead.list());
  assert.deepEqual(
    [letter!.job, letter!.id, letter!.key, letter!.origin, letter!.error, letter!.redrives],
    ["work", "one", "k", at(0, 1, "q"), "TypeError: not [object Object]", 0],
  );
  for (const redrives of [1, 2]) {
    const result = await bench.run(process.app.dead.redrive());
    assert.deepEqual(result, { redriven: 1, queues: { q: 1 }, failures: [] });
    await bench.until(() => drained(bench));
    const record = bench.records("q", 1).at(-1)!;
    assert.deepEqual([decoder.decode(record.key!), decoder.decode(record.value!)], ["k", bytes]);
    assert.deepEqual(jobs(bench, 1).at(-1)!.headers, {
      ...headers,
      ...{ "ottla-origin": "q/1/0", "ottla-redrive": String(redrives) },
    });
    assert.equal(bench.starts.at(-1)!.attempt, 1);
    assert.equal((await bench.run(process.app.dead.list()))[0]!.redrives, redrives);
  }
  broken = false;
  await bench.run(process.app.dead.redrive());
  await bench.until(() => drained(bench));
  assert.equal(process.seen("completed").length, 1);
  assert.deepEqual(await bench.run(process.app.dead.list()), []);
  assert.deepEqual(bench.records("q", 0), []);
});

test("S4.5 S1.2 a job that had waited for its time goes back to its queue, and not to its schedule topic", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2, d: 2, "later-dead": 1 } });
  await bench.broker.createTopic("later", { partitions: 1, configs: { "cleanup.policy": "compact" } });
  let broken = true;
  const process = bench.process("w", { ...OPTIONS, scheduledMessagesTopics: ["later"] });
  const job = process.app.job({
    ...{ name: "work", queue: "q", scheduledMessagesTopic: "later", partitioner: () => "k" },
    perform: () => {
      if (broken) throw new Error("no");
    },
  });
  await process.work();
  await bench.run(job.set({ wait: "1s" }).performLater());
  await bench.until(() => process.seen("dead").length === 1);
  const [letter] = await bench.run(process.app.dead.list());
  assert.deepEqual([letter!.queue, letter!.origin?.topic], ["q", "later"]);
  for (const redrives of [1, 2]) {
    const result = await bench.run(process.app.dead.redrive());
    assert.deepEqual(result, { redriven: 1, queues: { q: 1 }, failures: [] });
    await bench.until(() => process.seen("dead").length === redrives + 1);
  }
  broken = false;
  await bench.run(process.app.dead.redrive());
  await bench.until(() => process.seen("completed").length === 1);
  assert.equal(process.seen("undispatchable").length, 0);
  const names = jobs(bench, letter!.partition).map(({ headers }) => headers["ottla-target"]);
  assert.deepEqual(names, [undefined, undefined, undefined, undefined]);
});

test("S4.5 a redrive keeps the order of each partition, and a dry run changes nothing", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2, d: 2 } });
  const { app } = await bury(bench, [range(7), range(5)]);
  const result = { redriven: 12, queues: { q: 12 }, failures: [] };
  assert.deepEqual(await bench.run(app.dead.redrive({ dryRun: true })), result);
  assert.equal((await bench.run(app.dead.list())).length, 12);
  assert.equal(bench.records("q", 0).length, 7);
  assert.deepEqual(
    bench.broker.groups().map(({ groupId }) => groupId),
    ["workers"],
  );
  assert.deepEqual(await bench.run(app.dead.redrive()), result);
  assert.deepEqual(
    jobs(bench, 0).map(({ value }) => Number(value)),
    [...range(7), ...range(7)],
  );
  assert.deepEqual(
    jobs(bench, 1).map(({ value }) => Number(value)),
    [...range(5), ...range(5)],
  );
  assert.deepEqual(await bench.run(app.dead.list()), []);
  assert.deepEqual(await bench.run(app.dead.redrive()), { redriven: 0, queues: {}, failures: [] });
});

test("S3.9 single letters go while others stay, and what stays is listed", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  const { app } = await bury(bench, [range(5)]);
  const all = await bench.run(app.dead.list());
  const [first, second, third, fourth] = all;
  assert.deepEqual(await bench.run(app.dead.redrive({ places: [fourth!, second!] })), {
    redriven: 2,
    queues: { q: 2 },
    failures: [],
  });
  assert.deepEqual(
    jobs(bench)
      .map(({ value }) => value)
      .slice(5),
    ["1", "3"],
    "in the order of the topic",
  );
  const discarded = await bench.run(app.dead.discard({ places: [first!] }));
  assert.deepEqual(discarded, { discarded: 1, failures: [] });
  assert.deepEqual(places(await bench.run(app.dead.list())), places([third!, all[4]!]));
  assert.equal((await bench.run(app.dead.list({ limit: 1 }))).length, 1);
  const again = await bench.run(app.dead.redrive({ places: [first!, third!, at(999)] }));
  assert.equal(again.redriven, 1);
  assert.deepEqual(
    again.failures.map(({ offset, error }) => [offset, error.name]),
    [
      [first!.offset, "NoSuchLetterError"],
      [999, "NoSuchLetterError"],
    ],
  );
  const gone = await bench.run(app.dead.show(first!));
  assert.deepEqual([gone.isLeft, decoder.decode(gone.value!), gone.headers["ottla-origin"]], [false, "0", "q/0/0"]);
  assert.equal((await bench.run(app.dead.show(all[4]!))).isLeft, true);
  await assert.rejects(bench.run(app.dead.show(at(1))), { name: "NoSuchLetterError" });
  await assert.rejects(bench.run(app.dead.show(at(1, 5))), { name: "NoSuchLetterError" });
  assert.deepEqual(await bench.run(app.dead.redrive({ limit: 5 })), { redriven: 1, queues: { q: 1 }, failures: [] });
  assert.equal(jobs(bench).length, 5 + 4);
});

test("S4.5 a limit takes the oldest letters", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  const { app } = bench.process("w", OPTIONS);
  await write(bench, 6);
  assert.equal((await bench.run(app.dead.redrive({ limit: 4 }))).redriven, 4);
  assert.deepEqual(
    jobs(bench).map(({ value }) => value),
    ["0", "1", "2", "3"],
  );
  assert.deepEqual(
    (await bench.run(app.dead.list())).map(({ offset }) => offset),
    [4, 5],
  );
});

test("S4.5 a redrive is rate-limited: by default, or as it is told", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  const { app } = bench.process("w", OPTIONS);
  await write(bench, 201);
  const seen: number[][] = [];
  const times: number[] = [];
  const onProgress = (done: number, of: number): void => {
    seen.push([done, of]);
    times.push(bench.time.elapsed);
  };
  await bench.run(app.dead.redrive({ rate: 2, limit: 11, onProgress }));
  assert.deepEqual(
    seen,
    range(11).map((i) => [i + 1, 11]),
  );
  const took = times.at(-1)! - times[0]!;
  assert.ok(took >= 5_000 && took < 5_600, `${took}`);
  times.length = 0;
  await bench.run(app.dead.redrive({ onProgress }));
  const [first, last] = [times[0]!, times.at(-1)!];
  assert.ok(last - first >= 1_600 && last - first < 2_400, `190 letters at 100 a second took ${last - first}`);
});

test("S4.5 letters that cannot go back stay, each with a named error, and the others go on", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 2 } });
  const { app } = bench.process("w", OPTIONS);
  await write(bench, 1);
  await write(bench, 1, { "ottla-origin": "nonsense" });
  await write(bench, 1, { "ottla-origin": "gone/0/0" });
  await write(bench, 1);
  await bench.produceRecords([
    { topic: "d", partition: 1, value: "1", headers: { "ottla-origin": "q/1/0", "ottla-job": "work" } },
    { topic: "d", partition: 1, value: "2" },
  ]);
  const expected = [
    ["d/0/1", "NoOriginError"],
    ["d/0/2", "TopicMissingError"],
    ["d/1/0", "PartitionGoneError"],
    ["d/1/1", "NoOriginError"],
  ];
  for (const dryRun of [true, false]) {
    const { redriven, failures } = await bench.run(app.dead.redrive({ dryRun }));
    assert.equal(redriven, 2);
    assert.deepEqual(
      failures.map(({ topic, partition, offset, error }) => [`${topic}/${partition}/${offset}`, error.name]),
      expected,
    );
  }
  assert.equal(jobs(bench).length, 2);
  assert.deepEqual(
    places(await bench.run(app.dead.list())),
    expected.map(([place]) => place),
  );
  await bench.broker.createTopic("gone", { partitions: 1 });
  assert.deepEqual((await bench.run(app.dead.redrive())).queues, { gone: 1 });
  assert.equal((await bench.run(app.dead.discard({ places: [at(1), at(1, 1)] }))).discarded, 2);
  assert.deepEqual(places(await bench.run(app.dead.list())), ["d/1/0"]);
});

test("S4.5 a letter that its queue refuses stays, and those beside it go", async (t) => {
  const bench = await startWorkerBench(t, { topics: { d: 1 } });
  await bench.broker.createTopic("q", { partitions: 1, configs: { "max.message.bytes": "2000" } });
  const { app } = bench.process("w", OPTIONS);
  await write(bench, 2);
  await write(bench, 1, { "x-padding": "x".repeat(4_000) });
  await write(bench, 2);
  const { redriven, failures } = await bench.run(app.dead.redrive());
  assert.deepEqual(
    [redriven, failures.map(({ offset, error }) => [offset, error.name])],
    [4, [[2, "PayloadTooLargeError"]]],
  );
  assert.deepEqual(await bench.run(bench.committedValues("q", 1)), [[0, 1, 0, 1]]);
  assert.deepEqual(places(await bench.run(app.dead.list())), ["d/0/2"]);
});

test("S3.9 a letter beyond what commit metadata can tell of is refused with what to do, and goes once it is in reach", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  const { app } = bench.process("w", OPTIONS);
  await write(bench, 8_194);
  const chosen = [at(8_191), at(8_192), at(8_193)];
  const { redriven, failures } = await bench.run(app.dead.redrive({ places: chosen }));
  assert.equal(redriven, 1);
  assert.deepEqual(
    failures.map(({ offset, error }) => [offset, error.name]),
    [
      [8_192, "LetterTooFarError"],
      [8_193, "LetterTooFarError"],
    ],
  );
  assert.match(failures[0]!.error.message, /behind the first letter that is left, at 0: redrive or discard that one/);
  await bench.run(app.dead.discard({ places: [at(0), at(1)] }));
  assert.equal((await bench.run(app.dead.redrive({ places: chosen.slice(1) }))).redriven, 2);
  assert.deepEqual(
    jobs(bench).map(({ value }) => value),
    ["8191", "8192", "8193"],
  );
});

test("S4.9 a dead letter topic that was made again has its letters redriven, whatever was committed before", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  const { app } = bench.process("w", OPTIONS);
  await write(bench, 3);
  await bench.run(app.dead.redrive());
  await bench.broker.deleteTopic("d");
  await assert.rejects(bench.run(app.dead.list()), { name: "TopicMissingError" });
  await assert.rejects(bench.run(app.dead.redrive()), { name: "TopicMissingError" });
  await bench.broker.createTopic("d", { partitions: 1 });
  await write(bench, 2);
  assert.equal((await bench.run(app.dead.list())).length, 2);
  assert.equal((await bench.run(app.dead.redrive())).redriven, 2);
  assert.equal(jobs(bench).length, 5);
});

test("S4.5 a redrive that is stopped says so, and what it has done stays done", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  const process = bench.process("w", OPTIONS);
  await write(bench, 50);
  const stop = new AbortController();
  const onProgress = (done: number): void => {
    if (done === 5) stop.abort(new Error("enough"));
  };
  const { dead } = process.app;
  await assert.rejects(bench.run(dead.redrive({ rate: 1, signal: stop.signal, onProgress })), { message: "enough" });
  assert.equal(jobs(bench).length, 5);
  const stopped = assert.rejects(dead.redrive({ rate: 1 }), { name: "AppClosedError" });
  await bench.until(() => jobs(bench).length === 8);
  await bench.run(process.app.close());
  await stopped;
  const other = bench.process("other", OPTIONS);
  await bench.run(other.app.dead.redrive());
  assert.deepEqual(
    jobs(bench).map(({ value }) => Number(value)),
    range(50),
  );
});

test("S4.5 options that make no sense are refused by name", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  const { app } = bench.process("w", OPTIONS).job("q");
  const bad: readonly [Promise<unknown>, RegExp][] = [
    [app.dead.redrive({ topic: "q" }), /dead\.redrive\.topic: "q" is a queue of the app/],
    [app.dead.redrive({ topic: "d", places: [] }), /dead\.redrive\.topic: places are given/],
    [app.dead.redrive({ rate: 0 }), /dead\.redrive\.rate: 0 given/],
    [app.dead.redrive({ places: [{ topic: "d", partition: -1, offset: 0 }] }), /dead\.redrive\.places\[0\]\.partition/],
    [app.dead.discard({} as never), /dead\.discard\.places: missing/],
    [app.dead.list({ limt: 1 } as never), /dead\.list\.limt.*did you mean "limit"/],
    [bench.process("none", { ...OPTIONS, group: undefined }).app.dead.list(), /group: missing/],
  ];
  for (const [call, message] of bad) await assert.rejects(call, { name: "InvalidOptionError", message });
  assert.deepEqual(await bench.run(bench.process("bare").app.dead.redrive()), {
    redriven: 0,
    queues: {},
    failures: [],
  });
});
