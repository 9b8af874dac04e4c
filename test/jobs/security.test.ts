import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { AuthenticationError, createApp, type KafkaConnectionOptions } from "../../mod.ts";
import { startBroker } from "../../src/broker/mod.ts";
import { stateOf } from "../../src/jobs/app.ts";
import { fillRuntime } from "../../src/jobs/fill-runtime.ts";
import { tcp } from "../../src/net/tcp.ts";
import { clientTls, serverTls } from "../support/tls-fixtures.ts";

const PASSWORD = "alice-s3cr3t";

test("an app reaches brokers that want TLS and SASL, and says at once where it may not", async (t) => {
  const broker = await startBroker({ port: 0, tls: serverTls(), sasl: { users: { alice: PASSWORD } } });
  t.after(() => broker.close());
  await broker.createTopic("mail", { partitions: 1 });
  const start = (password: string) => {
    const sasl = { mechanism: "plain", username: "alice", password } as const;
    const app = createApp({ kafka: { brokers: broker.addresses, tls: clientTls(), sasl } });
    t.after(() => app.close());
    return app.job<{ to: string }>({ name: "send", queue: "mail", perform() {} });
  };
  assert.equal((await start(PASSWORD).performLater({ to: "ada" })).state, "enqueued");
  await assert.rejects(start("wrong").performLater({ to: "ada" }), (error: Error) => {
    assert.ok(error instanceof AuthenticationError, String(error));
    assert.match(error.message, /Invalid username or password/);
    return true;
  });
});

test("S8.12 an app that is looked at shows no secret, and options that cannot be are refused by name", () => {
  const sasl = { mechanism: "scram-sha-256", username: "alice", password: PASSWORD } as const;
  const app = createApp({ kafka: { tls: true, sasl } });
  assert.doesNotMatch(inspect([app, stateOf(app)], { depth: 20, showHidden: true }), /s3cr3t/);
  const refuse = (kafka: unknown, message: RegExp): void => {
    assert.throws(() => createApp({ kafka: kafka as KafkaConnectionOptions }), { name: "InvalidOptionError", message });
  };
  refuse({ tls: { ca: "/etc/ca.pem" } }, /tls\.ca is not PEM/);
  refuse({ tls: 1 }, /tls: true or an object/);
  refuse({ sasl: { mechanism: "plain", username: "alice" } }, /sasl\.password/);
});

test("brokers that are put in the place of the app's own are spoken to in plain text, without authentication", async (t) => {
  const broker = await startBroker({ port: 0 });
  t.after(() => broker.close());
  await broker.createTopic("mail", { partitions: 1 });
  const sasl = { mechanism: "plain", username: "alice", password: PASSWORD } as const;
  const app = createApp({ kafka: { brokers: ["kafka.example:9093"], tls: true, sasl } });
  t.after(() => app.close());
  fillRuntime(app, { brokers: broker.addresses, transport: tcp });
  const job = app.job<void>({ name: "send", queue: "mail", perform() {} });
  assert.equal((await job.performLater()).state, "enqueued");
});
