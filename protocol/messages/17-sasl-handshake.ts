import { type Api, api } from "../api.ts";
import { array, int16, string, struct } from "../field.ts";

/**
 * Says which mechanism will be used. Version 1 carries the tokens in SaslAuthenticate requests; after version 0 they go
 * as raw bytes, which this client never does.
 */
export interface SaslHandshakeRequest {
  /** "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER" or another. */
  readonly mechanism: string;
}

export interface SaslHandshakeResponse {
  readonly errorCode: number;
  /** What the broker has, also beside an error. */
  readonly mechanisms: readonly string[];
}

export const saslHandshake: Api<SaslHandshakeRequest, SaslHandshakeResponse> = api({
  key: 17,
  name: "SaslHandshake",
  versions: [0, 1],
  flexibleSince: Number.POSITIVE_INFINITY,
  request: struct<SaslHandshakeRequest>({
    mechanism: string,
  }),
  response: struct<SaslHandshakeResponse>({
    errorCode: int16,
    mechanisms: array(string),
  }),
});
