import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeResponse } from "../../protocol/frame.ts";
import { produce } from "../../protocol/messages/00-produce.ts";
import { fetch } from "../../protocol/messages/01-fetch.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { DecodeError } from "../../protocol/reader.ts";
import { UnsupportedVersionError } from "../../src/net/errors.ts";
import { NegotiatedVersions, readApiVersions } from "../../src/net/negotiation.ts";

function versions(
  ...ranges: (readonly [apiKey: number, minVersion: number, maxVersion: number])[]
): NegotiatedVersions {
  const frame = encodeResponse(apiVersions, 4, 0, {
    apiKeys: ranges.map(([apiKey, minVersion, maxVersion]) => ({ apiKey, minVersion, maxVersion })),
  });
  const answer = readApiVersions(4, frame.subarray(4));
  assert.ok("response" in answer);
  return new NegotiatedVersions(answer.response, "kafka:9092");
}

test("the highest version that both sides have is used, within the limit given", () => {
  const some = versions([fetch.key, 4, 12]);
  assert.equal(some.find(fetch), 12);
  assert.equal(some.find(fetch, 7), 7);
  assert.equal(some.find(fetch, 3), undefined);
  assert.equal(versions([fetch.key, 4, 99]).find(fetch), fetch.maxVersion);
});

test("an API that the broker lacks, or has only in other versions, is an error that names both ranges", () => {
  const some = versions([fetch.key, 40, 50]);
  assert.throws(
    () => some.require(fetch),
    (error: unknown) =>
      error instanceof UnsupportedVersionError &&
      !error.retriable &&
      /kafka:9092.*Fetch.*40 to 50.*needs \d+ to \d+/.test(error.message),
  );
  assert.throws(() => some.require(produce), /Produce in versions: none/);
});

test("an answer in the form of version 0 with error 35 says what to ask with", () => {
  const refused = (keys: readonly { apiKey: number; minVersion: number; maxVersion: number }[]): Uint8Array =>
    encodeResponse(apiVersions, 0, 9, { errorCode: 35, apiKeys: keys }).subarray(4);
  assert.deepEqual(readApiVersions(4, refused([{ apiKey: 18, minVersion: 0, maxVersion: 2 }])), { retryWith: 2 });
  assert.deepEqual(readApiVersions(4, refused([{ apiKey: 18, minVersion: 0, maxVersion: 9 }])), { retryWith: 3 });
  assert.deepEqual(readApiVersions(4, refused([])), { retryWith: 0 });
});

test("an answer that names no version there can be is asked again for version 0", () => {
  for (const maxVersion of [-1, -0x8000]) {
    const frame = encodeResponse(apiVersions, 0, 1, {
      errorCode: 35,
      apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion }],
    }).subarray(4);
    assert.deepEqual(readApiVersions(4, frame), { retryWith: 0 });
  }
});

test("an answer that is cut is a decode error", () => {
  assert.throws(() => readApiVersions(4, new Uint8Array([0, 0, 0, 1, 0])), DecodeError);
});

test("features that the cluster has switched on are known with their levels, others are at 0", () => {
  const frame = encodeResponse(apiVersions, 4, 0, {
    finalizedFeatures: [{ name: "group.version", maxVersionLevel: 1, minVersionLevel: 1 }],
  });
  const answer = readApiVersions(4, frame.subarray(4));
  assert.ok("response" in answer);
  const some = new NegotiatedVersions(answer.response, "kafka:9092");
  assert.deepEqual([some.feature("group.version"), some.feature("transaction.version")], [1, 0]);
});
