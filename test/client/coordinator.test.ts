import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { findCoordinator } from "../../protocol/messages/10-find-coordinator.ts";
import { Coordinator, isCoordinatorMoved } from "../../src/client/coordinator.ts";
import { KafkaError, ProtocolError } from "../../src/client/errors.ts";
import { Kafka } from "../../src/client/kafka.ts";
import { failureOf, startClientBench } from "../support/client-bench.ts";
import { startScript, withVersions } from "../support/scripted-broker.ts";

test("the coordinator is looked for once, and again when it was forgotten", async (t) => {
  const bench = await startClientBench(t, { broker: { nodes: 3 } });
  let asked = 0;
  bench.broker.observe(({ api }) => {
    asked += Number(api === "FindCoordinator");
  });
  const coordinator = new Coordinator(bench.kafka.cluster, "g");
  const first = await bench.run(coordinator.connection("heartbeat"));
  assert.equal(await bench.run(coordinator.connection("heartbeat")), first);
  assert.equal(asked, 1);
  const node = ((bench.broker.addresses.indexOf(first.broker) + 1) % 3) + 1;
  bench.broker.faults.moveCoordinator("g", node);
  coordinator.forget();
  const second = await bench.run(coordinator.connection("heartbeat"));
  assert.deepEqual([asked, second.broker], [2, bench.broker.addresses[node - 1]]);
});

test("a coordinator that cannot be reached is looked for anew by the next call", async (t) => {
  const bench = await startClientBench(t, { broker: { nodes: 2 } });
  const coordinator = new Coordinator(bench.kafka.cluster, "g");
  const first = await bench.run(coordinator.connection("heartbeat"));
  await bench.broker.faults.stop(bench.broker.addresses.indexOf(first.broker) + 1);
  await bench.time.advance(1);
  await bench.failure(coordinator.connection("offsets"));
  const second = await bench.run(coordinator.connection("offsets"));
  assert.notEqual(second.broker, first.broker);
});

test("looking for it fails with Kafka's own name for why, and the group's", async (t) => {
  const bench = await startClientBench(t);
  bench.broker.faults.fail({ api: "FindCoordinator", errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED });
  const error = await bench.failure(new Coordinator(bench.kafka.cluster, "g").connection("heartbeat"));
  assert.ok(error instanceof ProtocolError);
  assert.deepEqual([error.code, error.retriable], ["GROUP_AUTHORIZATION_FAILED", false]);
  assert.match(error.message, /coordinator of group g/);
});

test("retry repeats what passes, and no more than it has time for", async (t) => {
  const bench = await startClientBench(t);
  const coordinator = new Coordinator(bench.kafka.cluster, "g");
  let left = 3;
  const flaky = coordinator.retry("offsets", 10_000, undefined, async () => {
    left -= 1;
    if (left > 0) throw new ProtocolError(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, "flaky");
    return "done";
  });
  assert.equal(await bench.run(flaky), "done");
  const start = bench.time.elapsed;
  const error = await bench.failure(
    coordinator.retry("offsets", 3_000, undefined, () => Promise.reject(new KafkaError("PASSING", "it passes", true))),
  );
  assert.equal(error.code, "PASSING");
  assert.ok(bench.time.elapsed - start <= 3_000);
});

test("retry does not repeat what does not pass, or what is no error of ours", async (t) => {
  const bench = await startClientBench(t);
  const coordinator = new Coordinator(bench.kafka.cluster, "g");
  let attempts = 0;
  const attempt = (error: Error) => () => {
    attempts += 1;
    return Promise.reject(error);
  };
  const final = new KafkaError("FINAL", "no", false);
  assert.equal(await bench.failure(coordinator.retry("offsets", 10_000, undefined, attempt(final))), final);
  await assert.rejects(
    bench.run(coordinator.retry("offsets", 10_000, undefined, attempt(new TypeError("bug")))),
    TypeError,
  );
  assert.equal(attempts, 2);
});

test("retry ends when its signal aborts, without another attempt, and when the client is closed", async (t) => {
  const bench = await startClientBench(t);
  const coordinator = new Coordinator(bench.kafka.cluster, "g");
  const abort = new AbortController();
  let attempts = 0;
  const passing = (): Promise<never> => {
    attempts += 1;
    return Promise.reject(new KafkaError("PASSING", "it passes", true));
  };
  const aborted = bench.failure(coordinator.retry("offsets", 600_000, abort.signal, passing));
  await bench.time.advance(5_000);
  const before = attempts;
  abort.abort();
  assert.equal((await aborted).code, "PASSING");
  assert.equal(attempts, before);
  const closed = bench.failure(coordinator.retry("offsets", 600_000, undefined, passing));
  await bench.time.advance(5_000);
  await bench.run(bench.kafka.close());
  assert.equal((await closed).code, "CLOSED");
});

test("only two errors say that the coordinator has moved", () => {
  assert.deepEqual(Object.values(ErrorCode).filter(isCoordinatorMoved), [15, 16]);
});

test("a transactional id's coordinator is asked for by its own key type, and named as such", async () => {
  for (const lastVersion of [3, 6]) {
    const asked: { keyType: number; key: string; coordinatorKeys: readonly string[] }[] = [];
    const script = withVersions([[findCoordinator.key, 0, lastVersion]], (request) => {
      asked.push(request.decode(findCoordinator));
      const refused = { errorCode: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED };
      request.answer(findCoordinator, lastVersion < 4 ? refused : { coordinators: [{ key: "tx", ...refused }] });
    });
    const bench = await startScript(script);
    const kafka = new Kafka({
      brokers: ["broker:9092"],
      clock: bench.clock,
      transport: bench.network.transport(bench.clock),
    });
    const error = await bench.run(
      failureOf(new Coordinator(kafka.cluster, "tx", "transaction").connection("heartbeat")),
    );
    assert.equal(error.code, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED");
    assert.match(error.message, /coordinator of transactional id tx/);
    const [request] = asked;
    assert.equal(request!.keyType, 1);
    assert.deepEqual([request!.key, ...request!.coordinatorKeys].filter(Boolean), ["tx"]);
    await bench.run(kafka.close());
  }
});
