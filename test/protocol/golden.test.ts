import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { encodeBody } from "../../protocol/api.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import {
  correlationIdOf,
  decodeRequestHeader,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  expectEnd,
} from "../../protocol/frame.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { Reader } from "../../protocol/reader.ts";
import { apis, messages } from "../support/messages.ts";

/** A request that `sender` sent to a Kafka 4.3.0 broker, and the broker's answer: whole frames. */
interface Exchange {
  readonly sender: string;
  readonly api: string;
  readonly version: number;
  readonly request: string;
  readonly response: string;
}

/** A body of random content as the message classes of kafka-clients 4.3.0 write it. */
interface JavaBody {
  readonly message: string;
  readonly version: number;
  readonly hex: string;
}

function fixture<T>(name: string): readonly T[] {
  return JSON.parse(readFileSync(new URL(`../fixtures/golden/${name}.json`, import.meta.url), "utf8"));
}

const exchanges = fixture<Exchange>("wire");
const bodies = fixture<JavaBody>("java-encoder");
const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const flexibleSince = (key: number): number => apis.find((api) => api.key === key)!.flexibleSince;

describe("golden frames", () => {
  for (const { sender, api: name, version, request, response } of exchanges) {
    const api = apis.find((one) => one.name === name)!;
    test(`${name} v${version} request of ${sender} and its answer are decoded, and encoded to the same bytes`, () => {
      const reader = new Reader(fromHex(request), 4);
      const { apiKey, apiVersion, correlationId, clientId } = decodeRequestHeader(reader, flexibleSince);
      assert.deepEqual([apiKey, apiVersion], [api.key, version]);
      const body = api.request.decode(reader, version);
      expectEnd(reader, name);
      assert.equal(toHex(encodeRequest(api, version, correlationId, clientId, body)), request);

      const frame = fromHex(response).subarray(4);
      assert.equal(correlationIdOf(frame), correlationId);
      const answer = decodeResponse(api, version, frame);
      assert.equal(toHex(encodeResponse(api, version, correlationId, answer)), response);
    });
  }

  test("every API is there at its first, its first flexible and its last version", () => {
    for (const { name, minVersion, flexibleSince, maxVersion } of apis) {
      const seen = new Set(exchanges.filter((one) => one.api === name).map((one) => one.version));
      for (const version of [minVersion, flexibleSince, maxVersion].filter(Number.isFinite))
        assert.ok(seen.has(version), `${name} v${version}`);
    }
  });

  test("a broker's answer to an ApiVersions version that it does not have is read as version 0 (KIP-511)", () => {
    const frame = fromHex(`00000001${"0023"}${"00000001"}${"001200000004"}`);
    const { errorCode, apiKeys } = decodeResponse(apiVersions, 0, frame);
    assert.equal(errorCode, ErrorCode.UNSUPPORTED_VERSION);
    assert.deepEqual(apiKeys, [{ apiKey: 18, minVersion: 0, maxVersion: 4 }]);
  });
});

describe("bodies of the Java encoder", () => {
  for (const { name, message, minVersion, maxVersion } of messages) {
    test(`${name} is decoded in every version, and encoded to the same bytes`, () => {
      const own = bodies.filter((body) => body.message === name);
      assert.deepEqual(
        own.map((body) => body.version),
        Array.from({ length: maxVersion - minVersion + 1 }, (_, i) => minVersion + i),
      );
      for (const { version, hex } of own) {
        const reader = new Reader(fromHex(hex));
        const value = message.decode(reader, version);
        expectEnd(reader, name);
        assert.equal(toHex(encodeBody(message, version, value)), hex);
      }
    });
  }
});
