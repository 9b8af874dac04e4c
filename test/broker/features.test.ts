import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ApiVersionsResponse, apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { startBroker } from "../../src/broker/mod.ts";
import type { BrokerOptions } from "../../src/broker/start-broker.ts";
import { startBench } from "./raw-client.ts";

async function offered(features: BrokerOptions["features"], version = 4): Promise<ApiVersionsResponse> {
  const bench = await startBench({ features });
  const client = await bench.connect();
  const body = { clientSoftwareName: "test", clientSoftwareVersion: "1" };
  return bench.run(client.call(apiVersions, version, body));
}

describe("features", () => {
  test("are on unless told otherwise, and each broker says so", async () => {
    const { supportedFeatures, finalizedFeatures, finalizedFeaturesEpoch } = await offered(undefined);
    assert.deepEqual(supportedFeatures, [
      { name: "group.version", minVersion: 0, maxVersion: 1 },
      { name: "transaction.version", minVersion: 0, maxVersion: 2 },
    ]);
    assert.deepEqual(finalizedFeatures, [
      { name: "group.version", maxVersionLevel: 1, minVersionLevel: 1 },
      { name: "transaction.version", maxVersionLevel: 2, minVersionLevel: 2 },
    ]);
    assert.equal(finalizedFeaturesEpoch, 1);
  });

  test("that are off are not among the finalized ones", async () => {
    const { finalizedFeatures } = await offered({ "group.version": 0, "transaction.version": 1 });
    assert.deepEqual(finalizedFeatures, [{ name: "transaction.version", maxVersionLevel: 1, minVersionLevel: 1 }]);
  });

  test("that may be off are kept from readers who fail on them (KAFKA-17492)", async () => {
    const { supportedFeatures, finalizedFeatures } = await offered(undefined, 3);
    assert.deepEqual(supportedFeatures, []);
    assert.equal(finalizedFeatures.length, 2);
  });

  test("that cannot be are refused", async () => {
    const wrong = [{ "transaction.version": 3 }, { "group.version": 0.5 }, { "share.version": 1 }];
    for (const features of wrong) {
      await assert.rejects(startBroker({ port: 0, features }), { code: "INVALID_CONFIG", message: /features: / });
    }
  });
});
