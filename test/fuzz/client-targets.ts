import assert from "node:assert/strict";
import { encodeResponse } from "../../protocol/frame.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { DecodeError } from "../../protocol/reader.ts";
import { NegotiatedVersions, readApiVersions } from "../../src/net/negotiation.ts";
import { apis } from "../support/messages.ts";
import { allowing, type FuzzTarget } from "./target.ts";

const KNOWN = [{ apiKey: 18, minVersion: 0, maxVersion: 2 }];
const FEATURES = [{ name: "group.version", maxVersionLevel: 1, minVersionLevel: 1 }];

/** Answers to ApiVersions, the version that was asked for before them. */
const negotiation: FuzzTarget = {
  name: "negotiation",
  watched: /\/src\/net\/negotiation\.ts/,
  seeds: () => [
    ...[0, 3, 4].map((version) =>
      Uint8Array.of(
        version,
        ...encodeResponse(apiVersions, version, 1, {
          apiKeys: KNOWN,
          ...(version < 3 ? {} : { finalizedFeatures: FEATURES }),
        }).subarray(4),
      ),
    ),
    Uint8Array.of(4, ...encodeResponse(apiVersions, 0, 1, { errorCode: 35, apiKeys: KNOWN }).subarray(4)),
  ],
  run(input) {
    const version = (input[0] ?? 0) % (apiVersions.maxVersion + 1);
    const answer = allowing([DecodeError], () => readApiVersions(version, input.subarray(1)));
    if (answer === undefined) return;
    if ("retryWith" in answer) {
      const { retryWith } = answer;
      assert.ok(retryWith >= apiVersions.minVersion && retryWith < version, `version ${retryWith} after ${version}`);
      return;
    }
    const negotiated = new NegotiatedVersions(answer.response, "broker");
    for (const api of apis) {
      const found = negotiated.find(api);
      assert.ok(found === undefined || (found >= api.minVersion && found <= api.maxVersion), `${api.name} v${found}`);
    }
  },
};

export const clientTargets: readonly FuzzTarget[] = [negotiation];
