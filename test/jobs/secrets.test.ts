import assert from "node:assert/strict";
import { channel } from "node:diagnostics_channel";
import { type TestContext, test } from "node:test";
import { inspect } from "node:util";
import { createApp, type KafkaConnectionOptions, type Logger } from "../../mod.ts";
import { type BrokerOptions, startBroker } from "../../src/broker/mod.ts";
import type { ClientEventName } from "../../src/client/client-events.ts";
import { certificate, clientTls, mutualTls, serverTls } from "../support/tls-fixtures.ts";

const SECRET = "s3cr3t-of-alice";
const WRONG = "s3cr3t-of-mallory";
const EVENTS: readonly ClientEventName[] = [
  ...(["connect", "connectFailed", "disconnect", "request", "throttle", "metadata", "rebalance"] as const),
];
const APP_EVENTS = ["error", "assigned", "revoked", "lost", "started", "completed", "failed", "blocked"] as const;

/** Everything that anybody could write into a log, as text. */
class Heard {
  readonly texts: string[] = [];

  add = (...what: unknown[]): void => {
    for (const one of what) {
      const shown = inspect(one, { depth: 20, showHidden: true, maxArrayLength: null, maxStringLength: null });
      this.texts.push(shown.replace(/\s+/g, " "), JSON.stringify(one) ?? "");
    }
  };

  get logger(): Logger {
    return { debug: this.add, info: this.add, warn: this.add, error: this.add };
  }

  /** Also as the wire has it. */
  has(secret: string): boolean {
    const bytes = Buffer.from(secret);
    const forms = [secret, encodeURIComponent(secret), bytes.toString("hex"), inspect(bytes).slice(8, -1)];
    // In base64 a text has three looks, by where it begins.
    for (let shift = 0; shift < 3; shift++)
      forms.push(
        Buffer.from(`${"x".repeat(shift)}${secret}`)
          .toString("base64")
          .slice(4, -4),
      );
    forms.push([...bytes].join(", "), [...bytes].join(","));
    return this.texts.some((text) => forms.some((form) => text.includes(form)));
  }
}

/** Enqueues a job, runs it, and has the broker end; all that went wrong is heard too. */
async function goThrough(t: TestContext, served: BrokerOptions, kafka: KafkaConnectionOptions): Promise<Heard> {
  const heard = new Heard();
  const broker = await startBroker({ port: 0, ...served, log: heard.add });
  t.after(() => broker.close());
  await broker.createTopic("mail", { partitions: 1 });
  const connection = { brokers: broker.addresses, requestTimeout: "2s", connectTimeout: "2s", ...kafka } as const;
  const app = createApp({ kafka: connection, producer: { deliveryTimeout: "3s" }, logger: heard.logger });
  t.after(() => app.close());
  for (const name of EVENTS) {
    const listened = channel(`ottla:kafka:${name}`);
    listened.subscribe(heard.add);
    t.after(() => void listened.unsubscribe(heard.add));
  }
  for (const name of APP_EVENTS) app.on(name, heard.add);
  let ran: () => void = () => {};
  const running = new Promise<void>((resolve) => {
    ran = resolve;
  });
  const job = app.job<{ to: string }>({ name: "send", queue: "mail", perform: () => ran() });
  try {
    heard.add(await job.performLater({ to: "ada" }));
    const worker = await app.work();
    await running;
    heard.add(worker.status(), worker.health(), worker);
  } catch (error) {
    heard.add(error);
  }
  await broker.close();
  await job.performLater({ to: "ada" }).catch(heard.add);
  heard.add(app);
  return heard;
}

const users = { alice: SECRET };
const token = (text: string) => (text === SECRET ? { principal: "alice" } : undefined);
const LOGINS: Readonly<Record<string, (secret: string) => KafkaConnectionOptions["sasl"]>> = {
  plain: (password) => ({ mechanism: "plain", username: "alice", password }),
  "scram-sha-256": (password) => ({ mechanism: "scram-sha-256", username: "alice", password }),
  "scram-sha-512": (password) => ({ mechanism: "scram-sha-512", username: "alice", password }),
  oauthbearer: (secret) => ({ mechanism: "oauthbearer", token: () => Promise.resolve(secret) }),
};

test("S8.12 no secret of a login reaches a log, an error or an event, whether it is the right one or not", async (t) => {
  const served = { tls: serverTls(), sasl: { users, token } };
  const tried = Object.entries(LOGINS).flatMap(([mechanism, sasl]) =>
    [SECRET, WRONG].map(async (secret) => {
      const heard = await goThrough(t, served, { tls: clientTls(), sasl: sasl(secret) });
      const [what, outcome] = secret === SECRET ? ["right", '"enqueued"'] : ["wrong", "AuthenticationError"];
      assert.ok(heard.has(outcome), `${mechanism}, ${what}: ${heard.texts.join("\n")}`);
      for (const text of [SECRET, WRONG])
        assert.equal(heard.has(text), false, `${mechanism}, ${what}: ${heard.texts.join("\n")}`);
    }),
  );
  await Promise.all(tried);
});

test("S8.12 no private key reaches a log, an error or an event, whether it is the right one or not", async (t) => {
  const tried = (["client", "stranger"] as const).map(async (name) => {
    const own = certificate(name);
    const heard = await goThrough(t, { tls: mutualTls() }, { tls: { ...clientTls(), ...own } });
    assert.ok(heard.has(name === "client" ? '"enqueued"' : "certificate"), heard.texts.join("\n"));
    assert.equal(heard.has("PRIVATE KEY"), false);
    assert.equal(heard.has(own.key.split("\n")[2]!), false);
  });
  await Promise.all(tried);
});
