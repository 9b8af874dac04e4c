import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { type Broker, type BrokerOptions, startBroker } from "../../src/broker/mod.ts";
import {
  AuthenticationError,
  Kafka,
  type KafkaError,
  type KafkaOptions,
  type SaslOptions,
} from "../../src/client/mod.ts";
import { certificate, clientTls, mutualTls, pemOf, serverTls } from "../support/tls-fixtures.ts";

const PASSWORD = "alice-s3cr3t";
const TOKEN = "t0k3n.of.alice";

/** What may pass is tried again for this long (ms). */
const IMPATIENT = { timeout: 200 };

interface Cleanup {
  after(fn: () => Promise<void>): void;
}

async function start(t: Cleanup, options: BrokerOptions): Promise<Broker> {
  const broker = await startBroker({ port: 0, ...options });
  t.after(() => broker.close());
  await broker.createTopic("t", { partitions: 1 });
  return broker;
}

function client(t: Cleanup, broker: Broker, options: Partial<KafkaOptions>): Kafka {
  const kafka = new Kafka({ brokers: broker.addresses, ...options });
  t.after(() => kafka.close());
  return kafka;
}

/** Writes a record and reads it as a group member: every kind of connection. */
async function roundTrip(kafka: Kafka): Promise<void> {
  await kafka.producer().send({ topic: "t", value: "v" });
  const consumer = kafka.consumer({ groupId: "g", topics: ["t"], offsetReset: "earliest" });
  for await (const batch of consumer) {
    await consumer.commit(batch);
    break;
  }
}

/** What each part of a client says that cannot get in. */
async function refusals(kafka: Kafka): Promise<KafkaError[]> {
  const consume = async (): Promise<void> => {
    for await (const _ of kafka.consumer({ groupId: "g", topics: ["t"] })) return;
  };
  const calls = [kafka.producer().send({ topic: "t", value: "v" }), consume(), kafka.admin().listTopics()];
  const outcomes = await Promise.allSettled(calls);
  return outcomes.map((outcome) => {
    assert.equal(outcome.status, "rejected");
    const error: unknown = outcome.reason;
    assert.ok(error instanceof AuthenticationError, String(error));
    assert.equal(error.retriable, false);
    const shown = `${inspect(error, { depth: 20, showHidden: true })}${JSON.stringify(error)}${error.stack}`;
    assert.doesNotMatch(shown, /s3cr3t|t0k3n|wr0ng/);
    return error;
  });
}

const users = { alice: PASSWORD };
const token = (given: string) => (given === TOKEN ? { principal: "alice" } : undefined);
const MECHANISMS: Readonly<Record<string, SaslOptions>> = {
  PLAIN: { mechanism: "plain", username: "alice", password: PASSWORD, allowPlainText: true },
  "SCRAM-SHA-256": { mechanism: "scram-sha-256", username: "alice", password: () => Promise.resolve(PASSWORD) },
  "SCRAM-SHA-512": { mechanism: "scram-sha-512", username: "alice", password: PASSWORD },
  OAUTHBEARER: { mechanism: "oauthbearer", token: () => TOKEN, allowPlainText: true },
};

for (const [name, sasl] of Object.entries(MECHANISMS)) {
  test(`producer, consumer and admin get in by ${name}`, async (t) => {
    const broker = await start(t, { nodes: 2, sasl: { users, token } });
    await roundTrip(client(t, broker, { sasl }));
  });
}

test("a wrong password is told in the broker's words by every call, at once", async (t) => {
  const broker = await start(t, { sasl: { users, token } });
  for (const [name, right] of Object.entries(MECHANISMS)) {
    const wrong = { ...right, ...("token" in right ? { token: () => "wr0ng" } : { password: "wr0ng" }) } as SaslOptions;
    for (const error of await refusals(client(t, broker, { sasl: wrong }))) {
      assert.equal(error.code, "SASL_AUTHENTICATION_FAILED");
      const words = { PLAIN: "Invalid username or password", OAUTHBEARER: '{"status":"invalid_token"}' };
      const said = words[name as keyof typeof words] ?? `invalid credentials with SASL mechanism ${name}`;
      assert.ok(error.message.includes(said), error.message);
      assert.ok(error.message.startsWith(`${broker.address} refused SASL ${name}: `), error.message);
    }
  }
});

test("a password that has been put right is taken by the next call", async (t) => {
  const broker = await start(t, { sasl: { users } });
  let password = "wr0ng";
  const kafka = client(t, broker, {
    sasl: { mechanism: "scram-sha-512", username: "alice", password: () => password },
  });
  await refusals(kafka);
  password = PASSWORD;
  await kafka.producer().send({ topic: "t", value: "v" });
});

test("PLAIN and tokens are not sent in the clear unless that is allowed, and then are never on the wire", async (t) => {
  const broker = await start(t, { sasl: { users, token } });
  for (const name of ["PLAIN", "OAUTHBEARER"]) {
    const sasl = { ...MECHANISMS[name], allowPlainText: undefined } as SaslOptions;
    let asked = 0;
    broker.observe(({ api }) => void (api === "SaslAuthenticate" && asked++));
    for (const error of await refusals(client(t, broker, { sasl }))) {
      assert.equal(error.code, "ENCRYPTION_REQUIRED");
      assert.match(error.message, /sasl\.allowPlainText/);
    }
    assert.equal(asked, 0);
  }
});

test("PLAIN goes over TLS", async (t) => {
  const broker = await start(t, { tls: serverTls(), sasl: { users } });
  const sasl: SaslOptions = { mechanism: "plain", username: "alice", password: PASSWORD };
  await roundTrip(client(t, broker, { tls: clientTls(), sasl }));
});

test("PLAIN is not sent over TLS whose certificate is not accepted", async (t) => {
  const broker = await start(t, { tls: serverTls("stranger"), sasl: { users } });
  const sasl: SaslOptions = { mechanism: "plain", username: "alice", password: PASSWORD };
  for (const error of await refusals(client(t, broker, { tls: clientTls(), sasl }))) {
    assert.equal(error.code, "CERTIFICATE_NOT_TRUSTED");
  }
});

test("a mechanism that the broker lacks is told with those it has", async (t) => {
  const broker = await start(t, { sasl: { users, mechanisms: ["SCRAM-SHA-256", "SCRAM-SHA-512"] } });
  for (const error of await refusals(client(t, broker, { sasl: MECHANISMS.PLAIN }))) {
    assert.equal(error.code, "UNSUPPORTED_SASL_MECHANISM");
    assert.match(error.message, /does not take SASL PLAIN: it takes SCRAM-SHA-256, SCRAM-SHA-512/);
  }
});

test("a mechanism of one's own is gone through", async (t) => {
  const broker = await start(t, { sasl: { users } });
  let host = "";
  const mechanism = {
    name: "PLAIN",
    async *authenticate(context: { host: string }) {
      host = context.host;
      yield new TextEncoder().encode(`\0alice\0${PASSWORD}`);
    },
  };
  await roundTrip(client(t, broker, { sasl: { mechanism } }));
  assert.equal(host, "127.0.0.1");
});

test("a broker that wants no SASL is told from one that refuses it", async (t) => {
  const broker = await start(t, {});
  for (const error of await refusals(client(t, broker, { sasl: MECHANISMS["SCRAM-SHA-256"] }))) {
    assert.equal(error.code, "ILLEGAL_SASL_STATE");
    assert.match(error.message, /listener without authentication/);
  }
});

test("a client without SASL is told that the broker may want it", async (t) => {
  const broker = await start(t, { sasl: { users } });
  await assert.rejects(client(t, broker, {}).admin(IMPATIENT).listTopics(), /it may want SASL, by the option sasl/);
});

test("a client without TLS is told that the broker speaks it", async (t) => {
  const broker = await start(t, { tls: serverTls() });
  await assert.rejects(client(t, broker, {}).admin(IMPATIENT).listTopics(), /TLS/);
});

test("a client is known by its certificate, and not let in without", async (t) => {
  const broker = await start(t, { tls: mutualTls() });
  await roundTrip(client(t, broker, { tls: clientTls(certificate("client")) }));
  for (const error of await refusals(client(t, broker, { tls: clientTls() }))) {
    assert.equal(error.code, "CLIENT_CERTIFICATE_REFUSED");
  }
});

test("certificates that are not accepted fail every call at once", async (t) => {
  const cases = [
    ["stranger", "CERTIFICATE_NOT_TRUSTED"],
    ["other-host", "CERTIFICATE_FOR_ANOTHER_HOST"],
    ["expired", "Deno" in globalThis ? "CERTIFICATE_NOT_TRUSTED" : "CERTIFICATE_EXPIRED"],
  ] as const;
  for (const [name, code] of cases) {
    const broker = await start(t, { tls: serverTls(name) });
    for (const error of await refusals(client(t, broker, { tls: { ca: pemOf("ca") } }))) assert.equal(error.code, code);
  }
});

test("a transport that does not heed TLS is not trusted with anything", async (t) => {
  const broker = await start(t, {});
  const { tcp } = await import("../../src/net/tcp.ts");
  const kafka = client(t, broker, {
    tls: true,
    transport: { connect: (address, handlers, signal) => tcp.connect(address, handlers, signal) },
  });
  for (const error of await refusals(kafka)) assert.equal(error.code, "ENCRYPTION_REQUIRED");
});

test("a token is shared by all connections until most of its time is over, and one that is refused is not kept", async (t) => {
  const broker = await start(t, { sasl: { token } });
  let asked = 0;
  const give = () => {
    asked++;
    return { value: TOKEN, expiresAt: new Date(Date.now() + 3_600_000), extensions: { traceId: "7" } };
  };
  const sasl: SaslOptions = { mechanism: "oauthbearer", token: give, allowPlainText: true };
  await roundTrip(client(t, broker, { sasl }));
  assert.equal(asked, 1);
  let value = "wr0ng";
  const other: SaslOptions = { ...sasl, token: () => ({ value, expiresAt: Date.now() + 3_600_000 }) };
  const kafka = client(t, broker, { sasl: other });
  await refusals(kafka);
  value = TOKEN;
  await kafka.admin().listTopics();
});

test("a token that cannot be had is told with its reason, and may be had later", async (t) => {
  const broker = await start(t, { sasl: { token } });
  const fail = (): never => {
    throw new Error("no token service");
  };
  const kafka = client(t, broker, { sasl: { mechanism: "oauthbearer", token: fail, allowPlainText: true } });
  await assert.rejects(kafka.admin(IMPATIENT).listTopics(), /no OAUTHBEARER token: no token service/);
  const expired = { value: TOKEN, expiresAt: 1_000 };
  const old = client(t, broker, { sasl: { mechanism: "oauthbearer", token: () => expired, allowPlainText: true } });
  for (const error of await refusals(old)) assert.match(error.message, /has expired/);
  const header = client(t, broker, {
    sasl: { mechanism: "oauthbearer", token: () => `${TOKEN}\u0001auth=other`, allowPlainText: true },
  });
  for (const error of await refusals(header)) assert.match(error.message, /printable ASCII/);
});

test("who is no longer let in learns it by every part of a client that is at work", async (t) => {
  const passwords: Record<string, string> = { alice: PASSWORD };
  const broker = await start(t, { sasl: { users: passwords } });
  const kafka = client(t, broker, { sasl: MECHANISMS.PLAIN });
  const producer = kafka.producer();
  await producer.send({ topic: "t", value: "v" });
  const consumer = kafka.consumer({ groupId: "g", topics: ["t"], offsetReset: "earliest" });
  const failed = (error: Error): true => {
    assert.ok(error instanceof AuthenticationError, String(error));
    assert.match(error.message, /Invalid username or password/);
    return true;
  };
  const consume = async (): Promise<void> => {
    for await (const _ of consumer) {
      passwords.alice = "another";
      broker.faults.disconnect();
    }
  };
  await assert.rejects(consume(), failed);
  await assert.rejects(producer.send({ topic: "t", value: "v" }), failed);
  await assert.rejects(kafka.admin().listTopics(), failed);
});
