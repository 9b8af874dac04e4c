import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { type ApiVersionsResponse, apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { updateFeatures } from "../../protocol/messages/57-update-features.ts";
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

  test("change as they are told to, all of them or none, and each change shows", async () => {
    const bench = await startBench();
    const client = await bench.connect();
    const levels = async (): Promise<string> => {
      const body = { clientSoftwareName: "test", clientSoftwareVersion: "1" };
      const answer = await bench.run(client.call(apiVersions, 4, body));
      const all = answer.finalizedFeatures.map(({ name, maxVersionLevel }) => `${name} ${maxVersionLevel}`);
      return `${answer.finalizedFeaturesEpoch}: ${all.join(", ")}`;
    };
    const update = async (changes: [string, number, number][], version = 2, validateOnly = false): Promise<number> => {
      const featureUpdates = changes.map(([feature, maxVersionLevel, upgradeType]) => {
        return { feature, maxVersionLevel, ...(version === 0 ? {} : { upgradeType }) };
      });
      const body = { featureUpdates, ...(version === 0 ? {} : { validateOnly }) };
      const answer = await bench.run(client.call(updateFeatures, version, body));
      const told = version < 2 && answer.errorCode === 0 ? changes.map(([feature]) => feature) : [];
      assert.deepEqual(
        answer.results.map(({ feature }) => feature),
        told,
      );
      return answer.errorCode;
    };
    const [T, G, UP, DOWN] = ["transaction.version", "group.version", 1, 2] as const;
    const WRONG = ErrorCode.INVALID_UPDATE_VERSION;
    for (const version of [0, 1, 2]) {
      assert.equal(await update([["nope", 1, UP]], version), WRONG);
      assert.equal(await update([[T, 9, UP]], version), WRONG);
      assert.equal(await update([[T, 1, UP]], version), WRONG, "a downgrade that does not say so");
      assert.equal(await update([[T, 2, UP]], version), ErrorCode.NONE, "as it is");
    }
    assert.equal(await update([[T, 1, DOWN]], 2, true), ErrorCode.NONE);
    assert.equal(
      await update([
        [T, 1, DOWN],
        ["nope", 1, UP],
      ]),
      WRONG,
    );
    assert.equal(await update([[T, 1, 0]]), WRONG);
    assert.equal(await levels(), "1: group.version 1, transaction.version 2");
    assert.equal(await update([[T, 1, DOWN]]), ErrorCode.NONE);
    assert.equal(await update([[T, 2, DOWN]]), WRONG, "an upgrade that says it is none");
    assert.equal(await levels(), "2: group.version 1, transaction.version 1");
    assert.equal(
      await update(
        [
          [T, 2, UP],
          [G, 0, 3],
        ],
        1,
      ),
      ErrorCode.NONE,
    );
    assert.equal(await levels(), "4: transaction.version 2");
  });
});
