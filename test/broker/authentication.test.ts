import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { metadata } from "../../protocol/messages/03-metadata.ts";
import { saslHandshake } from "../../protocol/messages/17-sasl-handshake.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { saslAuthenticate } from "../../protocol/messages/36-sasl-authenticate.ts";
import type { BrokerEvent, BrokerOptions } from "../../src/broker/mod.ts";
import { startBroker } from "../../src/broker/mod.ts";
import { Kafka } from "../../src/client/mod.ts";
import { MemoryNetwork } from "../../src/net/memory.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";
import { syncDigest } from "../support/sync-digest.ts";
import { type RawClient, startBench } from "./raw-client.ts";

const users = { alice: "alice-secret", bob: "bob-secret" };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function start(options: Partial<BrokerOptions> = {}) {
  const events: BrokerEvent[] = [];
  const bench = await startBench({
    sasl: { users, digest: syncDigest },
    log: (event) => events.push(event),
    ...options,
  });
  const logIn = async (client: RawClient, user = "alice", mechanism = "PLAIN") => {
    const { errorCode } = await bench.run(client.call(saslHandshake, 1, { mechanism }));
    assert.equal(errorCode, 0);
    const authBytes = bytes(`\0${user}\0${user}-secret`);
    return bench.run(client.call(saslAuthenticate, 2, { authBytes }));
  };
  return { bench, events, logIn, client: await bench.connect() };
}

describe("a broker that wants authentication", () => {
  test("closes connections that ask for anything else first, or in between, and says why in its log", async () => {
    const { bench, events, client } = await start();
    void client.frame(metadata, 9, { topics: [] });
    await bench.run(client.closed);
    const other = await bench.connect();
    await bench.run(other.call(saslHandshake, 1, { mechanism: "PLAIN" }));
    void other.frame(apiVersions, 0, {});
    await bench.run(other.closed);
    const old = await bench.connect();
    void old.frame(saslHandshake, 0, { mechanism: "PLAIN" });
    await bench.run(old.closed);
    assert.deepEqual(
      events.map(({ kind, message }) => [kind, /before|during|version 0/.exec(message)?.[0]]),
      [
        ["refused", "before"],
        ["refused", "during"],
        ["refused", "version 0"],
      ],
    );
  });

  test("answers a refusal before it closes, and its log has no secret", async () => {
    const { bench, events, client } = await start();
    await bench.run(client.call(saslHandshake, 1, { mechanism: "PLAIN" }));
    const answer = await bench.run(client.call(saslAuthenticate, 2, { authBytes: bytes("\0alice\0bob-secret") }));
    assert.equal(answer.errorCode, 58);
    await bench.run(client.closed);
    assert.doesNotMatch(JSON.stringify(events), /secret/);
    assert.equal(events.length, 1);
  });

  test("refuses PLAIN messages that are none, names that are properties of all objects, and acting for another", async () => {
    const { bench } = await start();
    for (const text of [
      "",
      "alice",
      "\0alice",
      "bob\0alice\0alice-secret",
      "\0alice\0alice-secret\0",
      "\0constructor\0x",
      "\0__proto__\0",
    ]) {
      const client = await bench.connect();
      await bench.run(client.call(saslHandshake, 1, { mechanism: "PLAIN" }));
      const { errorCode } = await bench.run(client.call(saslAuthenticate, 2, { authBytes: bytes(text) }));
      assert.equal(errorCode, 58, JSON.stringify(text));
    }
  });

  test("ends a session that is over with the next request, but for one that renews it", async () => {
    const { bench, logIn, client } = await start({ reauthenticate: 10_000 });
    assert.equal((await logIn(client)).sessionLifetimeMs, 10_000);
    await bench.time.advance(9_000);
    await bench.run(client.call(metadata, 9, { topics: [] }));
    assert.equal((await logIn(client)).sessionLifetimeMs, 10_000);
    await bench.time.advance(20_000);
    assert.equal((await logIn(client)).errorCode, 0);
    await bench.time.advance(10_001);
    void client.frame(metadata, 9, { topics: [] });
    await bench.run(client.closed);
  });

  test("lets nobody become another, change the mechanism, or renew within a second", async () => {
    const { bench, logIn, client } = await start({ reauthenticate: 10_000 });
    await logIn(client);
    assert.equal((await bench.run(client.call(saslHandshake, 1, { mechanism: "PLAIN" }))).errorCode, 34);
    await bench.time.advance(1_000);
    const other = await logIn(client, "bob");
    assert.deepEqual([other.errorCode, /Cannot change principals/.test(other.errorMessage!)], [58, true]);
    await bench.run(client.closed);
    const second = await bench.connect();
    await logIn(second);
    await bench.time.advance(1_000);
    assert.equal((await logIn(second, "alice", "SCRAM-SHA-256")).errorCode, 58);
    await bench.run(second.closed);
  });

  test("has sessions no longer than their tokens", async () => {
    const token = (given: string) => ({ principal: "alice", expiresAt: Number(given) });
    const { bench, client } = await start({ sasl: { token }, reauthenticate: 10_000 });
    await bench.run(client.call(saslHandshake, 1, { mechanism: "OAUTHBEARER" }));
    const expiresAt = bench.clock.now() + 4_000;
    const authBytes = bytes(`n,,\u0001auth=Bearer ${expiresAt}\u0001\u0001`);
    assert.equal((await bench.run(client.call(saslAuthenticate, 2, { authBytes }))).sessionLifetimeMs, 4_000);
  });

  test("says no to SASL where there is none to do", async () => {
    const { bench, client } = await start({ sasl: undefined });
    assert.equal((await bench.run(client.call(saslHandshake, 1, { mechanism: "PLAIN" }))).errorCode, 34);
    assert.equal((await bench.run(client.call(saslAuthenticate, 2, { authBytes: bytes("x") }))).errorCode, 34);
    assert.equal((await bench.run(client.call(metadata, 9, { topics: [] }))).brokers.length, 1);
  });

  test("cannot be started where nobody could use it", async () => {
    await assert.rejects(startBroker({ port: 0, sasl: {} }), {
      code: "INVALID_CONFIG",
      message: /neither users nor token/,
    });
    await assert.rejects(startBroker({ port: 0, reauthenticate: 10 }), {
      code: "INVALID_CONFIG",
      message: /reauthenticate/,
    });
  });
});

test("a client and a broker go through SCRAM on a virtual clock, and renew their sessions on it", async () => {
  const time = new VirtualClock();
  const clock = time.instance();
  const transport = new MemoryNetwork().transport(clock);
  const sasl = { users, digest: syncDigest };
  const broker = await startBroker({ host: "kafka", port: 9092, clock, transport, sasl, reauthenticate: 60_000 });
  const kafka = new Kafka({
    ...{ brokers: broker.addresses, transport, clock },
    sasl: { mechanism: "scram-sha-512", username: "alice", password: "alice-secret", digest: syncDigest },
  });
  let logins = 0;
  broker.observe(({ api }) => void (api === "SaslHandshake" && logins++));
  assert.deepEqual(await time.run(kafka.admin().listTopics()), []);
  const first = logins;
  await time.advance(600_000);
  assert.ok(logins >= first + 10, `${logins} logins`);
  assert.deepEqual(await time.run(kafka.admin().listTopics()), []);
  await time.run(kafka.close());
  await broker.close();
});
