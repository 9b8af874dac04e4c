import type { Clock } from "./clock.ts";
import { AuthenticationError, KafkaError } from "./errors.ts";
import type { SaslContext, SaslMechanism } from "./sasl-mechanism.ts";

/** A token, and what the broker is told beside it. */
export interface OAuthBearerToken {
  readonly value: string;
  /**
   * When it ends, as a date or in milliseconds since 1970. It is used for all connections until four fifths of its time
   * are over. Default: not known, and each authentication asks for one.
   */
  readonly expiresAt?: Date | number | undefined;
  /** SASL extensions (KIP-342): names in letters, values in printable ASCII. */
  readonly extensions?: Readonly<Record<string, string>> | undefined;
}

/** Gives a token. What it throws is told to whoever wanted the connection, which is then tried again. */
export type TokenSource = (
  context: Pick<SaslContext, "host" | "port" | "signal">,
) => string | OAuthBearerToken | Promise<string | OAuthBearerToken>;

interface Held {
  readonly token: Promise<OAuthBearerToken>;
  /** In `clock.now()`. */
  renewAt: number;
}

const USED = 0.8;

/** OAUTHBEARER (RFC 7628, KIP-255). */
export function oauthBearerMechanism(source: TokenSource, allowPlainText: boolean): SaslMechanism {
  let held: Held | undefined;
  const take = (context: SaslContext): Promise<OAuthBearerToken> => {
    const { clock, host, port, signal } = context;
    if (held !== undefined && clock.now() < held.renewAt) return held.token;
    const mine: Held = { token: fetchToken(source, { host, port, signal }, clock), renewAt: 0 };
    held = mine;
    mine.token.then(
      ({ expiresAt }) => {
        if (expiresAt === undefined) return;
        const now = clock.now();
        mine.renewAt = now + (Number(expiresAt) - now) * USED;
      },
      () => {},
    );
    return mine.token;
  };
  return {
    name: "OAUTHBEARER",
    needsEncryption: !allowPlainText,
    async *authenticate(context) {
      const token = await take(context);
      const refusal = yield initialMessage(token);
      if (refusal.length === 0) return;
      held = undefined;
      // The broker says why in JSON, and the error itself is its answer to this (RFC 7628).
      yield new Uint8Array([1]);
      const broker = `${context.host}:${context.port}`;
      const message = `${broker} refused the token: ${new TextDecoder().decode(refusal)}`;
      throw new AuthenticationError("SASL_AUTHENTICATION_FAILED", message, { broker });
    },
  };
}

async function fetchToken(
  source: TokenSource,
  context: Parameters<TokenSource>[0],
  clock: Clock,
): Promise<OAuthBearerToken> {
  let given: string | OAuthBearerToken;
  try {
    given = await source(context);
  } catch (error) {
    const message = `no OAUTHBEARER token: ${error instanceof Error ? error.message : String(error)}`;
    throw new KafkaError("SASL_CREDENTIALS_FAILED", message, true, { cause: error });
  }
  const token = typeof given === "string" ? { value: given } : given;
  const complaint = complaintAbout(token, clock.now());
  if (complaint === undefined) return token;
  throw new AuthenticationError("SASL_AUTHENTICATION_FAILED", `the OAUTHBEARER token given ${complaint}`);
}

/** Why a token cannot be sent; its text is never told. */
function complaintAbout(token: OAuthBearerToken, now: number): string | undefined {
  if (typeof token?.value !== "string" || !/^[!-~]+$/.test(token.value)) return "is not printable ASCII without spaces";
  if (token.expiresAt !== undefined && !(Number(token.expiresAt) > now)) return "has expired";
  for (const [name, value] of Object.entries(token.extensions ?? {})) {
    if (!/^[A-Za-z]+$/.test(name) || name === "auth")
      return `has an extension named ${JSON.stringify(name)}: letters only`;
    if (!/^[!-~ \t\r\n]+$/.test(value)) return `has an extension ${name} whose value is not printable ASCII`;
  }
  return undefined;
}

function initialMessage({ value, extensions }: OAuthBearerToken): Uint8Array {
  const pairs = Object.entries(extensions ?? {}).map(([name, text]) => `${name}=${text}\u0001`);
  return new TextEncoder().encode(`n,,\u0001auth=Bearer ${value}\u0001${pairs.join("")}\u0001`);
}
