import { type Api, api } from "../api.ts";
import { bytes, int16, int64, string, struct } from "../field.ts";

/** One message of the mechanism chosen by SaslHandshake. */
export interface SaslAuthenticateRequest {
  readonly authBytes: Uint8Array;
}

export interface SaslAuthenticateResponse {
  readonly errorCode: number;
  /** Why it was refused. */
  readonly errorMessage: string | null;
  readonly authBytes: Uint8Array;
  /** After how many ms the connection has to authenticate again (KIP-368); 0: never. */
  readonly sessionLifetimeMs: number;
}

export const saslAuthenticate: Api<SaslAuthenticateRequest, SaslAuthenticateResponse> = api({
  key: 36,
  name: "SaslAuthenticate",
  versions: [0, 2],
  flexibleSince: 2,
  request: struct<SaslAuthenticateRequest>({
    authBytes: bytes,
  }),
  response: struct<SaslAuthenticateResponse>({
    errorCode: int16,
    errorMessage: string.nullable(),
    authBytes: bytes,
    sessionLifetimeMs: int64.since(1).ignorable(),
  }),
});
