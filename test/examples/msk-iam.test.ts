import assert from "node:assert/strict";
import { test } from "node:test";
import { mskToken } from "../../examples/msk-iam/msk-token.ts";
import { hex, presign, signingKey } from "../../examples/msk-iam/presign.ts";
import { startBroker } from "../../src/broker/mod.ts";
import { Kafka } from "../../src/client/mod.ts";
import { clientTls, serverTls } from "../support/tls-fixtures.ts";

test("a signing key is the one of AWS's documentation", async () => {
  const key = await signingKey("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam");
  assert.equal(hex(key), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
});

test("a presigned request is the one of Amazon S3's documentation", async () => {
  const url = await presign({
    ...{ service: "s3", region: "us-east-1", host: "examplebucket.s3.amazonaws.com", path: "/test.txt", query: {} },
    payloadHash: "UNSIGNED-PAYLOAD",
    expiresInSeconds: 86_400,
    credentials: {
      accessKeyId: "AKIAIOSFODNN7EXAMPLE",
      secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    },
    now: new Date("2013-05-24T00:00:00Z"),
  });
  assert.equal(
    url,
    "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256" +
      "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z" +
      "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
      "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
  );
});

const credentials = { accessKeyId: "AKID", secretAccessKey: "not-to-be-seen", sessionToken: "session+/=" };

test("a token for MSK is such a request in base64, with all that MSK wants in it", async () => {
  const at = new Date("2026-01-02T03:04:05.678Z");
  const { value, expiresAt } = await mskToken(
    "eu-central-1",
    () => credentials,
    () => at,
  )();
  assert.equal(expiresAt, at.getTime() + 900_000);
  assert.match(value, /^[A-Za-z0-9_-]+$/);
  const url = new URL(atob(value.replaceAll("-", "+").replaceAll("_", "/")));
  assert.equal(url.origin, "https://kafka.eu-central-1.amazonaws.com");
  const { "X-Amz-Signature": signature, ...rest } = Object.fromEntries(url.searchParams);
  assert.match(signature!, /^[0-9a-f]{64}$/);
  assert.deepEqual(rest, {
    Action: "kafka-cluster:Connect",
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": "AKID/20260102/eu-central-1/kafka-cluster/aws4_request",
    "X-Amz-Date": "20260102T030405Z",
    "X-Amz-Expires": "900",
    "X-Amz-Security-Token": "session+/=",
    "X-Amz-SignedHeaders": "host",
    "User-Agent": "ottla-msk-iam",
  });
  assert.ok(!value.includes(btoa("not-to-be-seen").slice(0, 12)));
});

test("a client gets in by such tokens", async (t) => {
  const token = (given: string) => {
    const url = new URL(atob(given.replaceAll("-", "+").replaceAll("_", "/")));
    return url.searchParams.get("X-Amz-Credential")?.startsWith("AKID/") ? { principal: "AKID" } : undefined;
  };
  const broker = await startBroker({ port: 0, tls: serverTls(), sasl: { token } });
  t.after(() => broker.close());
  const kafka = new Kafka({
    brokers: broker.addresses,
    tls: clientTls(),
    sasl: { mechanism: "oauthbearer", token: mskToken("eu-central-1", () => credentials) },
  });
  t.after(() => kafka.close());
  assert.deepEqual(await kafka.admin().listTopics(), []);
});
