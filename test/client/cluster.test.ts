import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { startClientBench } from "../support/client-bench.ts";

const SECOND = 1_000;

test("a dead bootstrap address is passed over", async (t) => {
  for (let seed = 1; seed <= 5; seed++) {
    const bench = await startClientBench(t, { seed });
    const kafka = bench.client({ brokers: ["dead:1", "kafka:9092", "gone:2"] });
    assert.equal((await bench.run(kafka.cluster.topic("t", 10 * SECOND))).partitions.length, 4);
  }
});

test("where no broker answers, one error names each address once, with its reason", async (t) => {
  const bench = await startClientBench(t);
  const kafka = bench.client({ brokers: ["dead:1", "gone:2", "dead:1"] });
  const error = await bench.failure(kafka.cluster.any("general"));
  assert.equal(error.code, "CONNECTION_FAILED");
  assert.match(error.message, /no Kafka broker could be reached: /);
  assert.equal(error.message.match(/dead:1: [^;]*ECONNREFUSED dead:1/g)?.length, 1);
  assert.equal(error.message.match(/gone:2: [^;]*ECONNREFUSED gone:2/g)?.length, 1);
});

test("the names that were given are used again when no known broker answers", async (t) => {
  const bench = await startClientBench(t, { broker: { nodes: 2 } });
  const asked: string[] = [];
  const kafka = bench.client({
    brokers: ["bootstrap.example:9092"],
    transport: {
      connect: (address, handlers, signal) => {
        asked.push(address.host);
        const real = address.host === "kafka" ? address : { host: "kafka", port: 9092 };
        return bench.transport.connect(real, handlers, signal);
      },
    },
  });
  await bench.run(kafka.cluster.refresh(["t"]));
  assert.deepEqual(asked, ["bootstrap.example"]);
  await bench.run(kafka.cluster.node(1, "general"));
  await bench.run(kafka.cluster.node(2, "general"));
  await Promise.all([bench.broker.faults.stop(1), bench.broker.faults.stop(2)]);
  await bench.time.advance(1);
  await bench.failure(kafka.cluster.any("general"));
  assert.ok(asked.filter((host) => host === "bootstrap.example").length >= 2, "by its name, not by an address");
  await bench.broker.faults.start(1);
  await bench.run(kafka.cluster.refresh(["t"]));
});

test("questions asked while one is open share the next one", async (t) => {
  const bench = await startClientBench(t, { topics: { a: 1, b: 2, c: 3 } });
  const { cluster } = bench.kafka;
  const asked: number[] = [];
  bench.broker.observe(({ api, body }) => {
    if (api === "Metadata") asked.push((body as { topics: unknown[] }).topics.length);
  });
  const answers = [cluster.refresh(["a"])];
  for (let i = 0; i < 50; i++) answers.push(cluster.refresh([i % 2 === 0 ? "b" : "c"]));
  await bench.run(Promise.all(answers));
  assert.deepEqual(asked, [1, 2]);
  assert.deepEqual(
    ["a", "b", "c"].map((name) => cluster.metadata.topic(name)!.partitions.length),
    [1, 2, 3],
  );
});

test("a question that fails does not fail the next one", async (t) => {
  const bench = await startClientBench(t);
  const { cluster } = bench.kafka;
  bench.broker.faults.cut({ api: "Metadata", when: "beforeApply" });
  const first = bench.failure(cluster.refresh(["t"]));
  const second = bench.run(cluster.refresh(["t"]));
  assert.equal((await first).code, "CONNECTION_FAILED");
  await second;
  assert.equal(cluster.metadata.topic("t")!.errorCode, 0);
});

test("a topic that does not exist is an error within a second or so, with its name", async (t) => {
  const bench = await startClientBench(t);
  const error = await bench.failure(bench.kafka.cluster.topic("missing", 300 * SECOND));
  assert.equal(error.code, "UNKNOWN_TOPIC_OR_PARTITION");
  assert.equal(error.topic, "missing");
  assert.match(error.message, /topic missing/);
  assert.ok(bench.time.elapsed <= 1.5 * SECOND, `${bench.time.elapsed}`);
});

test("a topic that appears within the grace is found", async (t) => {
  const bench = await startClientBench(t);
  const found = bench.run(bench.kafka.cluster.topic("late", 300 * SECOND));
  bench.clock.timer(400, () => void bench.broker.createTopic("late", { partitions: 2 }));
  assert.equal((await found).partitions.length, 2);
});

test("a topic that nobody tells of is an error at its timeout, though a connect would take longer", async (t) => {
  const bench = await startClientBench(t);
  const kafka = bench.client({
    brokers: ["silent:1", "mute:2"],
    transport: { connect: () => new Promise<never>(() => {}) },
  });
  const error = await bench.failure(kafka.cluster.topic("t", 3 * SECOND));
  assert.equal(error.code, "REQUEST_TIMED_OUT");
  assert.match(error.message, /topic t within 3000 ms/);
  assert.equal(bench.time.elapsed, 3 * SECOND);
});

test("waiting for a topic ends when its signal aborts", async (t) => {
  const bench = await startClientBench(t);
  await bench.broker.faults.stop(1);
  const abort = new AbortController();
  const waiting = bench.failure(bench.kafka.cluster.topic("t", 300 * SECOND, abort.signal));
  bench.clock.timer(5 * SECOND, () => abort.abort());
  await waiting;
  assert.equal(bench.time.elapsed, 5 * SECOND);
});

test("a topic's own error is told at once, and does not touch other topics", async (t) => {
  const bench = await startClientBench(t);
  const { cluster } = bench.kafka;
  const error = await bench.failure(cluster.topic("no/slash", 300 * SECOND));
  assert.equal(error.code, "INVALID_TOPIC_EXCEPTION");
  assert.equal(bench.time.elapsed, 0);
  assert.equal((await bench.run(cluster.topic("t", SECOND))).partitions.length, 4);
});

test("what is known is asked for again in the background when it is old", async (t) => {
  const bench = await startClientBench(t, { kafka: { metadataMaxAge: 60 * SECOND } });
  const { cluster } = bench.kafka;
  await bench.run(cluster.topic("t", SECOND));
  let asked = 0;
  bench.broker.observe(({ api }) => {
    asked += Number(api === "Metadata");
  });
  for (let i = 0; i < 5; i++) assert.equal(cluster.cached("t")?.name, "t");
  await bench.time.advance(59 * SECOND);
  cluster.cached("t");
  await bench.time.advance(0);
  assert.equal(asked, 0);
  await bench.time.advance(2 * SECOND);
  for (let i = 0; i < 5; i++) assert.equal(cluster.cached("t")?.name, "t", "the old is given meanwhile");
  await bench.time.advance(0);
  assert.equal(asked, 1);
});

test("an error of the whole answer rejects with Kafka's own name for it", async (t) => {
  const bench = await startClientBench(t);
  bench.broker.faults.fail({ api: "Metadata", errorCode: ErrorCode.REBOOTSTRAP_REQUIRED });
  const error = await bench.failure(bench.kafka.cluster.topic("t", SECOND));
  assert.equal(error.code, "REBOOTSTRAP_REQUIRED");
});

test("a node that metadata does not have is an error that names it", async (t) => {
  const bench = await startClientBench(t);
  const error = await bench.failure(bench.kafka.cluster.node(7, "produce"));
  assert.match(error.message, /broker 7/);
  assert.ok(error.retriable);
});

test("close ends all questions, and leaves no timer that holds the process", async (t) => {
  const bench = await startClientBench(t);
  await bench.broker.faults.stop(1);
  const { cluster } = bench.kafka;
  const waiting = bench.failure(cluster.topic("t", 300 * SECOND));
  await bench.time.advance(2 * SECOND);
  cluster.close();
  const error = await waiting;
  assert.ok(bench.time.elapsed < 5 * SECOND, `${bench.time.elapsed}: ${error.message}`);
  assert.equal((await bench.failure(cluster.any("general"))).code, "CLOSED");
});

test("a topic that is forgotten is asked for no more, until somebody wants it again", async (t) => {
  const bench = await startClientBench(t);
  const { cluster } = bench.kafka;
  const asked: string[][] = [];
  bench.broker.observe(({ api, body }) => {
    if (api === "Metadata") asked.push((body as { topics: { name: string }[] }).topics.map(({ name }) => name));
  });
  await bench.run(cluster.topic("t", SECOND));
  cluster.forget("t");
  await bench.run(cluster.refresh());
  await bench.run(cluster.topic("t", SECOND));
  await bench.run(cluster.refresh());
  assert.deepEqual(asked, [["t"], [], ["t"], ["t"]]);
});
