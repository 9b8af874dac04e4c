import assert from "node:assert/strict";
import { test } from "node:test";
import { metadata } from "../../protocol/messages/03-metadata.ts";
import { saslHandshake } from "../../protocol/messages/17-sasl-handshake.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { saslAuthenticate } from "../../protocol/messages/36-sasl-authenticate.ts";
import { AuthenticationError, Kafka, type KafkaOptions, type SaslOptions } from "../../src/client/mod.ts";
import { tcp } from "../../src/net/tcp.ts";
import type { Transport } from "../../src/net/transport.ts";
import { RawClient } from "../broker/raw-client.ts";

interface Cleanup {
  after(fn: () => Promise<void>): void;
}

/** A cluster's listeners, as the tests' Kafka clusters have them; alice and admin have their names and "-secret" as passwords. */
export interface SecureCluster {
  readonly plain: string;
  readonly sasl: string;
  /** Wants a certificate of the client. */
  readonly mutualTls: string;
  readonly saslTls: string;
  readonly ca: string;
  readonly client: { readonly cert: string; readonly key: string };
}

export interface SecureTarget {
  readonly name: string;
  /** How long sessions last, in ms; undefined: for ever. */
  readonly sessionLifetime: number | undefined;
  open(t: Cleanup): Promise<SecureCluster>;
}

const TIMEOUT = 60_000;
/** What may pass is tried again for this long (ms). */
const IMPATIENT = { timeout: 200 };
const alice = { username: "alice", password: "alice-secret" } as const;

function unsecuredToken(): string {
  const part = (value: object): string =>
    btoa(JSON.stringify(value)).replaceAll("=", "").replaceAll("+", "-").replaceAll("/", "_");
  const now = Math.floor(Date.now() / 1_000);
  return `${part({ alg: "none" })}.${part({ sub: "alice", iat: now - 60, exp: now + 600 })}.`;
}

const MECHANISMS: Readonly<Record<string, SaslOptions>> = {
  PLAIN: { mechanism: "plain", ...alice, allowPlainText: true },
  "SCRAM-SHA-256": { mechanism: "scram-sha-256", ...alice },
  "SCRAM-SHA-512": { mechanism: "scram-sha-512", ...alice },
  OAUTHBEARER: { mechanism: "oauthbearer", token: unsecuredToken, allowPlainText: true },
};

/** Writes and reads back through every kind of connection. */
async function roundTrip(kafka: Kafka): Promise<void> {
  const topic = `security-${crypto.randomUUID()}`;
  await kafka.admin().createTopics([{ name: topic, partitions: 1 }]);
  await kafka.producer().send({ topic, value: "v" });
  const consumer = kafka.consumer({ groupId: topic, topics: [topic], offsetReset: "earliest" });
  for await (const batch of consumer) {
    assert.equal(batch.records.length, 1);
    await consumer.commit(batch);
    break;
  }
  await kafka.admin().deleteTopics([topic]);
}

/** TLS and SASL, as any broker has to do them. */
export function securityConformance(target: SecureTarget): void {
  const declare = (
    name: string,
    run: (cluster: SecureCluster, use: (options: KafkaOptions) => Kafka) => Promise<void>,
  ) =>
    test(`${name} (${target.name})`, { timeout: TIMEOUT }, async (t) => {
      const cluster = await target.open(t);
      await run(cluster, (options) => {
        const kafka = new Kafka(options);
        t.after(() => kafka.close());
        return kafka;
      });
    });
  const refused = async (kafka: Kafka, code: string, message: RegExp): Promise<void> => {
    await assert.rejects(kafka.admin().listTopics(), (error: Error) => {
      assert.ok(error instanceof AuthenticationError, String(error));
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    });
  };

  for (const [name, sasl] of Object.entries(MECHANISMS)) {
    declare(`${name} lets in, over plain text and TLS`, async ({ sasl: plain, saslTls, ca }, use) => {
      await roundTrip(use({ brokers: [plain], sasl }));
      await roundTrip(use({ brokers: [saslTls], tls: { ca }, sasl }));
    });
  }

  for (const mechanism of ["plain", "scram-sha-256", "scram-sha-512"] as const) {
    declare(`${mechanism} refuses a wrong password and a user that is none, in one way`, async (cluster, use) => {
      const { saslTls, ca } = cluster;
      const words = /Invalid username or password|invalid credentials with SASL mechanism SCRAM/;
      for (const username of ["alice", "nobody"]) {
        const sasl: SaslOptions = { mechanism, username, password: "wrong" };
        await refused(use({ brokers: [saslTls], tls: { ca }, sasl }), "SASL_AUTHENTICATION_FAILED", words);
      }
    });
  }

  declare("OAUTHBEARER refuses a token with its own words", async ({ sasl: broker }, use) => {
    const sasl: SaslOptions = { mechanism: "oauthbearer", token: () => "no.jwt.", allowPlainText: true };
    await refused(use({ brokers: [broker], sasl }), "SASL_AUTHENTICATION_FAILED", /invalid_token|OAUTHBEARER/);
  });

  declare("a mechanism that is not there is refused with those that are", async ({ sasl: broker }, use) => {
    const mechanism = { name: "SECRET-HANDSHAKE", async *authenticate() {} };
    await refused(
      use({ brokers: [broker], sasl: { mechanism } }),
      "UNSUPPORTED_SASL_MECHANISM",
      /PLAIN.*SCRAM-SHA-512|SCRAM-SHA-512.*PLAIN/,
    );
  });

  declare("a client's certificate lets in, and none does not", async ({ mutualTls, ca, client }, use) => {
    await roundTrip(use({ brokers: [mutualTls], tls: { ca, ...client } }));
    await refused(use({ brokers: [mutualTls], tls: { ca } }), "CLIENT_CERTIFICATE_REFUSED", /tls\.cert and tls\.key/);
  });

  declare("a broker's certificate is held against its authority and its name", async ({ saslTls, ca }, use) => {
    const sasl = MECHANISMS["SCRAM-SHA-256"];
    await refused(use({ brokers: [saslTls], tls: true, sasl }), "CERTIFICATE_NOT_TRUSTED", /tls\.ca/);
    const tls = { ca, servername: "broker.example" };
    await refused(use({ brokers: [saslTls], tls, sasl }), "CERTIFICATE_FOR_ANOTHER_HOST", /tls\.servername/);
  });

  declare("a listener that is another than the client expects is told by what it does", async (cluster, use) => {
    const { plain, sasl, saslTls, ca } = cluster;
    const scram = MECHANISMS["SCRAM-SHA-256"];
    await refused(use({ brokers: [plain], sasl: scram }), "ILLEGAL_SASL_STATE", /without authentication/);
    await assert.rejects(
      use({ brokers: [plain], tls: { ca } })
        .admin(IMPATIENT)
        .listTopics(),
      /plain text/,
    );
    await assert.rejects(
      use({ brokers: [sasl] })
        .admin(IMPATIENT)
        .listTopics(),
      /may want SASL/,
    );
    await assert.rejects(
      use({ brokers: [saslTls], tls: { ca } })
        .admin(IMPATIENT)
        .listTopics(),
      /may want SASL/,
    );
    await assert.rejects(
      use({ brokers: [saslTls], sasl: scram })
        .admin(IMPATIENT)
        .listTopics(),
      /TLS/,
    );
  });

  declare("nothing but versions and the handshake is served before authentication", async ({ sasl }) => {
    const handshake = (client: RawClient) => client.call(saslHandshake, 1, { mechanism: "PLAIN" });
    const early = await RawClient.open(tcp, sasl);
    void early.frame(metadata, 9, { topics: [] });
    await early.closed;
    const between = await RawClient.open(tcp, sasl);
    assert.equal((await between.call(apiVersions, 0, {})).errorCode, 0);
    assert.equal((await handshake(between)).errorCode, 0);
    void between.frame(metadata, 9, { topics: [] });
    await between.closed;
    const failed = await RawClient.open(tcp, sasl);
    await handshake(failed);
    const authBytes = new TextEncoder().encode("\0alice\0wrong");
    const answer = await failed.call(saslAuthenticate, 2, { authBytes });
    assert.equal(answer.errorCode, 58);
    assert.match(answer.errorMessage!, /Invalid username or password/);
    await failed.closed;
    const right = await RawClient.open(tcp, sasl);
    await handshake(right);
    const welcome = await right.call(saslAuthenticate, 2, {
      authBytes: new TextEncoder().encode("\0alice\0alice-secret"),
    });
    assert.equal(welcome.errorCode, 0);
    assert.equal(welcome.sessionLifetimeMs, target.sessionLifetime ?? 0);
    assert.equal((await right.call(metadata, 9, { topics: [] })).errorCode ?? 0, 0);
    right.close();
  });

  if (target.sessionLifetime === undefined) return;

  declare("sessions are renewed on their connections, while records go both ways", async ({ sasl: broker }, use) => {
    let connects = 0;
    const transport: Transport = {
      connect: (...given) => {
        connects++;
        return tcp.connect(...given);
      },
    };
    let logins = 0;
    const password = (): string => {
      logins++;
      return alice.password;
    };
    const kafka = use({
      brokers: [broker],
      transport,
      sasl: { mechanism: "scram-sha-256", username: "alice", password },
    });
    const topic = `security-${crypto.randomUUID()}`;
    await kafka.admin().createTopics([{ name: topic, partitions: 1 }]);
    const producer = kafka.producer();
    const consumer = kafka.consumer({ groupId: topic, topics: [topic], offsetReset: "earliest" });
    const sent: string[] = [];
    const received: string[] = [];
    const send = async (value: string): Promise<void> => {
      await producer.send({ topic, value });
      sent.push(value);
    };
    const sending = (async () => {
      // Each connection has been renewed twice by then.
      while (logins < 3 * connects || received.length === 0) await send(String(sent.length));
      await send("last");
    })();
    for await (const batch of consumer) {
      received.push(...batch.records.map(({ value }) => new TextDecoder().decode(value!)));
      await consumer.commit(batch);
      if (received.at(-1) === "last") break;
    }
    await sending;
    assert.deepEqual(received, sent);
    assert.ok(logins >= 3 * connects);
    await kafka.admin().deleteTopics([topic]);
  });

  declare(
    "a session that is not renewed ends with the next request, and a handshake renews it even then",
    async ({ sasl }) => {
      const logIn = async (client: RawClient): Promise<void> => {
        assert.equal((await client.call(saslHandshake, 1, { mechanism: "PLAIN" })).errorCode, 0);
        const authBytes = new TextEncoder().encode("\0alice\0alice-secret");
        assert.equal((await client.call(saslAuthenticate, 2, { authBytes })).errorCode, 0);
      };
      const clients = await Promise.all([
        RawClient.open(tcp, sasl),
        RawClient.open(tcp, sasl),
        RawClient.open(tcp, sasl),
      ]);
      const [idle, late, other] = clients as [RawClient, RawClient, RawClient];
      await Promise.all(clients.map(logIn));
      await new Promise((resolve) => setTimeout(resolve, target.sessionLifetime! + 100));
      await logIn(late);
      await late.call(metadata, 9, { topics: [] });
      late.close();
      void idle.frame(metadata, 9, { topics: [] });
      await idle.closed;
      assert.equal((await other.call(saslHandshake, 1, { mechanism: "PLAIN" })).errorCode, 0);
      const authBytes = new TextEncoder().encode("\0admin\0admin-secret");
      const answer = await other.call(saslAuthenticate, 2, { authBytes });
      assert.equal(answer.errorCode, 58);
      assert.match(answer.errorMessage!, /Cannot change principals during re-authentication/);
      await other.closed;
    },
  );
}
