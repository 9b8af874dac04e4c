import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { metadata as metadataApi } from "../../protocol/messages/03-metadata.ts";
import { startBroker } from "../../src/broker/mod.ts";
import { Kafka } from "../../src/client/mod.ts";
import type { Address, Transport } from "../../src/net/transport.ts";
import { startClientBench } from "../support/client-bench.ts";
import { ALL_VERSIONS, startScript, withVersions } from "../support/scripted-broker.ts";

const SECOND = 1_000;

/** A transport that takes addresses for others, as a name server does, and notes what was asked for. */
function resolving(base: Transport, resolve: (address: Address) => Address | "hangs"): Transport & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    connect: (address, ...rest) => {
      asked.push(address.host);
      const real = resolve(address);
      return real === "hangs" ? new Promise<never>(() => {}) : base.connect(real, ...rest);
    },
  };
}

test("bootstrap addresses that hang cost half a second each, not their whole timeout (platformatic #206, #232)", async (t) => {
  for (let seed = 1; seed <= 5; seed++) {
    const bench = await startClientBench(t, { seed });
    const transport = resolving(bench.transport, (address) => (address.host === "kafka" ? address : "hangs"));
    const kafka = bench.client({ brokers: ["hang-1:1", "hang-2:1", "hang-3:1", "kafka:9092"], transport });
    const before = bench.time.elapsed;
    await bench.run(kafka.producer().send({ topic: "t", value: "v" }));
    assert.ok(bench.time.elapsed - before < 2 * SECOND, `${bench.time.elapsed - before} ms`);
  }
});

test("a name that gets another address is followed at the next connect", async (t) => {
  const bench = await startClientBench(t, { broker: { nodes: 2 } });
  let port = 9092;
  const transport = resolving(bench.transport, (address) =>
    address.host === "moves.example" ? { host: "kafka", port } : address,
  );
  const kafka = bench.client({ brokers: ["moves.example:9092"], transport });
  await bench.run(kafka.cluster.any("general"));
  await bench.broker.faults.stop(1);
  port = 9093;
  await bench.time.advance(1);
  await bench.run(kafka.producer().send({ topic: "t", partition: 0, value: "v" }));
  assert.ok(transport.asked.filter((host) => host === "moves.example").length >= 2);
});

test("a broker that comes back under its id at another address is reached there, and the old connection is closed", async (t) => {
  const node = (port: number) => ({ nodeId: 1, host: "kafka", port, rack: null });
  let answer = [node(9_000), { nodeId: 2, host: "other", port: 1, rack: null }];
  const bench = await startScript(
    withVersions(ALL_VERSIONS, (request) => request.answer(metadataApi, { brokers: answer, controllerId: 1 })),
  );
  const transport = resolving(bench.network.transport(bench.clock), () => ({ host: "broker", port: 9092 }));
  const kafka = new Kafka({ brokers: ["bootstrap:1"], transport, clock: bench.clock });
  t.after(() => kafka.close());
  await bench.run(kafka.cluster.refresh());
  const before = await bench.run(kafka.cluster.node(1, "produce"));
  const other = await bench.run(kafka.cluster.node(2, "produce"));
  answer = [node(9_001), answer[1]!];
  await bench.run(kafka.cluster.refresh());
  assert.ok(before.cause !== undefined);
  assert.equal(other.cause, undefined);
  const after = await bench.run(kafka.cluster.node(1, "produce"));
  assert.equal(after.broker, "kafka:9001");
});

test("a broker that says so sends the client back to the names it was given (KIP-1102)", async (t) => {
  let isOusted = false;
  const bench = await startScript(
    withVersions(ALL_VERSIONS, (request) => {
      const errorCode = isOusted ? ErrorCode.REBOOTSTRAP_REQUIRED : 0;
      isOusted = false;
      request.answer(metadataApi, { errorCode, brokers: [{ nodeId: 1, host: "old", port: 1, rack: null }] });
    }),
  );
  const transport = resolving(bench.network.transport(bench.clock), () => ({ host: "broker", port: 9092 }));
  const kafka = new Kafka({ brokers: ["bootstrap.example:1"], transport, clock: bench.clock });
  t.after(() => kafka.close());
  await bench.run(kafka.cluster.refresh());
  const old = await bench.run(kafka.cluster.node(1, "general"));
  isOusted = true;
  await assert.rejects(bench.run(kafka.cluster.refresh()), { code: "REBOOTSTRAP_REQUIRED" });
  assert.equal(kafka.cluster.metadata.nodes.size, 0);
  assert.ok(old.cause !== undefined);
  await bench.run(kafka.cluster.refresh());
  assert.equal(
    transport.asked.filter((host) => host === "bootstrap.example").length,
    1,
    "its connection was open still",
  );
  assert.equal(kafka.cluster.metadata.nodes.size, 1);
});

test("brokers that connect and never tell of the cluster are forgotten after five minutes", async (t) => {
  let isMute = false;
  const bench = await startScript(
    withVersions(ALL_VERSIONS, (request) => {
      if (!isMute) request.answer(metadataApi, { brokers: [{ nodeId: 1, host: "old", port: 1, rack: null }] });
    }),
  );
  const transport = resolving(bench.network.transport(bench.clock), () => ({ host: "broker", port: 9092 }));
  const kafka = new Kafka({ brokers: ["bootstrap.example:1"], transport, clock: bench.clock });
  t.after(() => kafka.close());
  await bench.run(kafka.cluster.refresh());
  isMute = true;
  const start = bench.time.elapsed;
  while (kafka.cluster.metadata.nodes.size > 0) {
    await assert.rejects(bench.run(kafka.cluster.refresh()));
    assert.ok(bench.time.elapsed - start < 320 * SECOND);
  }
  assert.ok(bench.time.elapsed - start >= 300 * SECOND);
});

test("IPv6 addresses are bootstrap addresses like others (platformatic #365)", async (t) => {
  const broker = await startBroker({ host: "::1", port: 0 }).catch(() => undefined);
  // A machine without IPv6 has nothing to try it on.
  if (broker === undefined) return;
  t.after(() => broker.close());
  assert.match(broker.address, /^\[::1\]:\d+$/);
  const kafka = new Kafka({ brokers: [broker.address] });
  t.after(() => kafka.close());
  await kafka.admin().createTopics([{ name: "six", partitions: 1 }]);
  await kafka.producer().send({ topic: "six", value: "v" });
});

test("a name that does not exist is told by name", async (t) => {
  const kafka = new Kafka({ brokers: ["no-such-host.invalid:9092"] });
  t.after(() => kafka.close());
  await assert.rejects(kafka.cluster.any("general"), (error: Error) => {
    assert.match(
      error.message,
      /no Kafka broker could be reached: no-such-host\.invalid:9092: .*no-such-host\.invalid/,
    );
    return true;
  });
});
