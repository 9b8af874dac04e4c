import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inspect } from "node:util";
import { Kafka, type KafkaOptions } from "../../src/client/mod.ts";
import { certificate, pemOf } from "../support/tls-fixtures.ts";

const SECRET = "s3cr3t-w0rd";

function refuse(options: unknown, message: RegExp): void {
  assert.throws(
    () => new Kafka({ brokers: ["localhost:9092"], ...(options as object) }),
    (error: Error) => {
      assert.equal((error as { code?: string }).code, "INVALID_ARGUMENT");
      assert.match(error.message, message);
      assert.doesNotMatch(inspect(error, { depth: 10 }), new RegExp(SECRET));
      return true;
    },
  );
}

describe("the option tls", () => {
  test("wants PEM, and says so where a path is given", () => {
    refuse({ tls: { ca: "/etc/kafka/ca.pem" } }, /tls\.ca is not PEM: the file's content/);
    refuse({ tls: { ca: [pemOf("ca"), 5] } }, /tls\.ca has to be PEM/);
    refuse({ tls: { cert: pemOf("client"), key: SECRET } }, /tls\.key is not PEM/);
    refuse({ tls: { cert: pemOf("client"), key: new TextEncoder().encode(SECRET) } }, /tls\.key is not PEM/);
  });

  test("wants certificate and key together", () => {
    refuse({ tls: { cert: pemOf("client") } }, /belong together/);
    refuse({ tls: { key: pemOf("client.test-only-key") } }, /belong together/);
  });

  test("is turned off by nothing but a plain false", () => {
    for (const rejectUnauthorized of [0, "", null, "false"]) refuse({ tls: { rejectUnauthorized } }, /true or false/);
    for (const tls of [null, 1, "yes"]) refuse({ tls }, /true or an object/);
    refuse({ tls: { rejectUnauthorised: false } }, /unknown Kafka option tls\.rejectUnauthorised/);
    refuse({ tls: { servername: 5 } }, /tls\.servername has to be text/);
  });
});

describe("the option sasl", () => {
  test("wants a mechanism that there is, and what it needs", () => {
    refuse({ sasl: null }, /an object with a mechanism/);
    refuse({ sasl: { mechanism: "gssapi", password: SECRET } }, /"gssapi" given; there are plain, scram-sha-256/);
    refuse({ sasl: { mechanism: "plain", password: SECRET } }, /sasl\.username/);
    refuse({ sasl: { mechanism: "plain", username: "", password: SECRET } }, /sasl\.username/);
    refuse({ sasl: { mechanism: "plain", username: "a\0b", password: SECRET } }, /sasl\.username.*NUL/);
    refuse({ sasl: { mechanism: "plain", username: "a" } }, /sasl\.password/);
    refuse({ sasl: { mechanism: "plain", username: "a", password: "" } }, /sasl\.password/);
    refuse({ sasl: { mechanism: "plain", username: "a", password: `${SECRET}\0` } }, /sasl\.password.*NUL/);
    for (const password of [[SECRET], { value: SECRET }, new TextEncoder().encode(SECRET)])
      refuse({ sasl: { mechanism: "plain", username: "a", password } }, /sasl\.password/);
    refuse({ sasl: { mechanism: "plain", username: "a", password: SECRET, allowPlainText: "yes" } }, /allowPlainText/);
    refuse({ sasl: { mechanism: "oauthbearer", token: SECRET } }, /sasl\.token: a function/);
    refuse({ sasl: { mechanism: {} } }, /a mechanism of your own/);
    refuse({ sasl: { mechanism: "scram-sha-256", username: "a", passwort: SECRET } }, /sasl\.passwort/);
    refuse(
      { sasl: { mechanism: "scram-sha-256", username: "a", password: SECRET, allowPlainText: true } },
      /no such option/,
    );
  });

  test("takes Kafka's spelling of a mechanism too", () => {
    const mechanism = "SCRAM-SHA-512" as "scram-sha-512";
    assert.doesNotThrow(() => new Kafka({ brokers: ["b:1"], sasl: { mechanism, username: "a", password: "p" } }));
  });
});

test("S8.12 a client that is looked at shows no secret", () => {
  const { cert, key } = certificate("client");
  const tls = { ca: pemOf("ca"), cert, key, passphrase: SECRET };
  const all: KafkaOptions["sasl"][] = [
    { mechanism: "plain", username: "alice", password: SECRET },
    { mechanism: "scram-sha-256", username: "alice", password: SECRET },
    { mechanism: "oauthbearer", token: () => SECRET },
  ];
  for (const sasl of all) {
    const kafka = new Kafka({ brokers: ["b:1"], tls, sasl });
    const shown = [
      inspect(kafka, { depth: 20, showHidden: true }),
      JSON.stringify(kafka),
      inspect(kafka.producer(), { depth: 20, showHidden: true }),
      inspect(kafka.admin(), { depth: 20, showHidden: true }),
    ].join("\n");
    // The function that the user gave shows what the user wrote in it.
    assert.doesNotMatch(shown, new RegExp(SECRET));
    assert.doesNotMatch(shown, /PRIVATE KEY/);
  }
});
