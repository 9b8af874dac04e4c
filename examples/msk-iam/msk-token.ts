import type { OAuthBearerToken } from "ottla/kafka";
import { type AwsCredentials, hex, presign, sha256 } from "./presign.ts";

/** What Amazon MSK accepts at most: its sessions end with it, and the client authenticates again by itself. */
const LIFETIME_SECONDS = 900;

/** Gives tokens by which brokers of Amazon MSK know an IAM role or user. */
export function mskToken(
  region: string,
  credentials: () => AwsCredentials | Promise<AwsCredentials>,
  now: () => Date = () => new Date(),
): () => Promise<OAuthBearerToken> {
  return async () => {
    const at = now();
    const url = await presign({
      ...{ service: "kafka-cluster", region, host: `kafka.${region}.amazonaws.com`, path: "/" },
      query: { Action: "kafka-cluster:Connect" },
      payloadHash: hex(await sha256("")),
      expiresInSeconds: LIFETIME_SECONDS,
      credentials: await credentials(),
      now: at,
    });
    return {
      value: base64Url(`${url}&User-Agent=ottla-msk-iam`),
      expiresAt: at.getTime() + LIFETIME_SECONDS * 1_000,
    };
  };
}

function base64Url(text: string): string {
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
