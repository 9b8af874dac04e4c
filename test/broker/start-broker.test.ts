import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { metadata } from "../../protocol/messages/03-metadata.ts";
import { startBroker } from "../../src/broker/mod.ts";
import { systemClock } from "../../src/net/clock.ts";
import { MemoryNetwork } from "../../src/net/memory.ts";
import { tcp } from "../../src/net/tcp.ts";
import { RawClient } from "./raw-client.ts";

describe("startBroker", () => {
  test("serves over TCP on ports of its own choice, and closes", async () => {
    const broker = await startBroker({ port: 0, nodes: 2 });
    const client = await RawClient.open(tcp, broker.addresses[1]!);
    const { brokers } = await client.call(metadata, 13, { topics: null });
    assert.deepEqual(
      brokers.map(({ host, port }) => `${host}:${port}`),
      broker.addresses,
    );
    assert.equal(broker.address, broker.addresses[0]);
    await broker.close();
    await client.closed;
    await assert.rejects(RawClient.open(tcp, broker.address));
  });

  test("can be disposed of", async () => {
    const broker = await startBroker({ port: 0 });
    await broker[Symbol.asyncDispose]();
    await assert.rejects(RawClient.open(tcp, broker.address));
  });

  test("says which address is taken, and leaves nothing open behind", async () => {
    const network = new MemoryNetwork();
    const transport = network.transport(systemClock);
    const first = await startBroker({ host: "kafka", port: 9093, transport });
    await assert.rejects(
      startBroker({ host: "kafka", port: 9092, nodes: 2, transport }),
      /cannot listen on kafka:9093/,
    );
    const second = await startBroker({ host: "kafka", port: 9092, transport });
    await Promise.all([first.close(), second.close()]);
    const real = await startBroker({ port: 0 });
    const port = Number(real.address.split(":")[1]);
    await assert.rejects(startBroker({ port }), { name: "BrokerError", code: "EADDRINUSE" });
    await real.close();
  });

  test("refuses options that cannot be", async () => {
    await assert.rejects(startBroker({ nodes: 0 }), /nodes is 0/);
    await assert.rejects(startBroker({ port: 70_000 }), /port is 70000/);
    await assert.rejects(startBroker({ port: 65_535, nodes: 2 }), /port is 65535/);
    await assert.rejects(
      startBroker({ port: 0, topicDefaults: { nope: "1" } }),
      /there is no topic configuration nope/,
    );
  });

  test("tells clients another host than it listens on where that is asked for", async () => {
    const broker = await startBroker({ port: 0, advertisedHost: "localhost" });
    const port = broker.address.split(":")[1];
    assert.equal(broker.address, `localhost:${port}`);
    await broker.close();
  });
});
