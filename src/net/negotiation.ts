import type { Api } from "../../protocol/api.ts";
import { decodeResponse } from "../../protocol/frame.ts";
import { type ApiVersionsResponse, apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { Reader } from "../../protocol/reader.ts";
import { UnsupportedVersionError } from "./errors.ts";

const UNSUPPORTED_VERSION = 35;

/** The versions one connection may use: never assumed for another, since brokers are upgraded one at a time. */
export class NegotiatedVersions {
  readonly #ranges: ReadonlyMap<number, { readonly minVersion: number; readonly maxVersion: number }>;
  readonly #features: ReadonlyMap<string, number>;
  readonly #broker: string;

  constructor(response: ApiVersionsResponse, broker: string) {
    this.#ranges = new Map(response.apiKeys.map((range) => [range.apiKey, range]));
    this.#features = new Map(response.finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]));
    this.#broker = broker;
  }

  /** The level at which the cluster has switched a feature on (KIP-584); 0: it has not. */
  feature(name: string): number {
    return this.#features.get(name) ?? 0;
  }

  /** The highest version that both sides speak, at most `limit`; undefined where there is none. */
  find(api: AnyApi, limit: number = api.maxVersion): number | undefined {
    const range = this.#ranges.get(api.key);
    if (range === undefined) return undefined;
    const version = Math.min(range.maxVersion, api.maxVersion, limit);
    return version >= Math.max(range.minVersion, api.minVersion) ? version : undefined;
  }

  require(api: AnyApi, limit?: number): number {
    const version = this.find(api, limit);
    if (version !== undefined) return version;
    const range = this.#ranges.get(api.key);
    const theirs = range === undefined ? "none" : `${range.minVersion} to ${range.maxVersion}`;
    throw new UnsupportedVersionError(
      `broker ${this.#broker} speaks ${api.name} in versions: ${theirs}; this client needs ${api.minVersion} to ${limit ?? api.maxVersion}`,
      { broker: this.#broker },
    );
  }
}

/** What version choice needs to know of an API. */
export type AnyApi = Pick<Api<unknown, unknown>, "key" | "name" | "minVersion" | "maxVersion">;

/**
 * Reads an answer to ApiVersions. A broker that does not know the version asked for says so in a body of version 0,
 * with the versions it knows (KIP-511): `retryWith` is then the one to ask with.
 */
export function readApiVersions(
  version: number,
  frame: Uint8Array,
): { readonly response: ApiVersionsResponse } | { readonly retryWith: number } {
  if (version > 0 && new Reader(frame, 4).int16() === UNSUPPORTED_VERSION) {
    const listed = decodeResponse(apiVersions, 0, frame).apiKeys.find((range) => range.apiKey === apiVersions.key);
    return { retryWith: Math.max(0, Math.min(listed?.maxVersion ?? 0, version - 1)) };
  }
  return { response: decodeResponse(apiVersions, version, frame) };
}
