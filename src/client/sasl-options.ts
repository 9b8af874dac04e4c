import type { ScramDigest } from "../../protocol/scram.ts";
import { oauthBearerMechanism, type TokenSource } from "../net/oauthbearer-mechanism.ts";
import { plainMechanism } from "../net/plain-mechanism.ts";
import type { SaslMechanism } from "../net/sasl-mechanism.ts";
import { type PasswordSource, scramMechanism } from "../net/scram-mechanism.ts";
import { webDigest } from "../net/web-digest.ts";
import { InvalidArgumentError, KafkaError } from "./errors.ts";

interface PasswordOptions {
  readonly username: string;
  /** The password, or what gives it: asked at each authentication, so that it can change. */
  readonly password: string | PasswordSource;
}

/** PLAIN (RFC 4616): the broker is told the password. */
export interface PlainOptions extends PasswordOptions {
  readonly mechanism: "plain";
  /** True: the password may go out over a connection without TLS, to be read by anyone between. Default false. */
  readonly allowPlainText?: boolean | undefined;
}

/** SCRAM (RFC 5802, RFC 7677): the password stays here, and the broker has to prove that it knows it. */
export interface ScramOptions extends PasswordOptions {
  readonly mechanism: "scram-sha-256" | "scram-sha-512";
  /** The cryptography, for simulations whose clock WebCrypto does not heed. Default: WebCrypto. */
  readonly digest?: ScramDigest | undefined;
}

/** OAUTHBEARER (RFC 7628, KIP-255). */
export interface OAuthBearerOptions {
  readonly mechanism: "oauthbearer";
  /** Gives a token whenever one is needed. */
  readonly token: TokenSource;
  /** True: the token may go out over a connection without TLS, to be read by anyone between. Default false. */
  readonly allowPlainText?: boolean | undefined;
}

/** Any other mechanism. */
export interface CustomSaslOptions {
  readonly mechanism: SaslMechanism;
}

/** How to authenticate to brokers. */
export type SaslOptions = PlainOptions | ScramOptions | OAuthBearerOptions | CustomSaslOptions;

const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  plain: ["mechanism", "username", "password", "allowPlainText"],
  "scram-sha-256": ["mechanism", "username", "password", "digest"],
  "scram-sha-512": ["mechanism", "username", "password", "digest"],
  oauthbearer: ["mechanism", "token", "allowPlainText"],
};

/**
 * Checks what was given as the option `sasl`, and makes the mechanism of it. Secrets stay inside functions: nothing that
 * is made here shows them, and errors name the option alone.
 */
export function saslMechanism(given: SaslOptions): SaslMechanism {
  if (typeof given !== "object" || given === null) throw invalid("", "an object with a mechanism is wanted");
  if (typeof given.mechanism === "object" && given.mechanism !== null) return checkCustom(given.mechanism);
  const options = { ...given, mechanism: String(given.mechanism).toLowerCase() } as Exclude<
    SaslOptions,
    CustomSaslOptions
  >;
  const names = OPTIONS[options.mechanism];
  if (names === undefined) {
    throw invalid(
      ".mechanism",
      `${JSON.stringify(given.mechanism)} given; there are ${Object.keys(OPTIONS).join(", ")}, and your own as an object`,
    );
  }
  for (const name of Object.keys(given)) {
    if (!names.includes(name))
      throw invalid(`.${name}`, `${options.mechanism} has no such option: it has ${names.join(", ")}`);
  }
  if (options.mechanism === "oauthbearer") {
    if (typeof options.token !== "function") throw invalid(".token", "a function that gives a token is wanted");
    return oauthBearerMechanism(options.token, allowed(options.allowPlainText));
  }
  const { username } = options;
  if (typeof username !== "string" || username === "") throw invalid(".username", "text is wanted");
  const password = passwordSource(options.password);
  if (options.mechanism === "plain") {
    if (username.includes("\0")) throw invalid(".username", "PLAIN allows no NUL in it");
    return plainMechanism(username, password, allowed(options.allowPlainText));
  }
  const hash = options.mechanism === "scram-sha-256" ? "SHA-256" : "SHA-512";
  return scramMechanism(hash, username, password, options.digest ?? webDigest);
}

function passwordSource(given: string | PasswordSource): PasswordSource {
  const check = (value: unknown): string => {
    if (typeof value !== "string" || value === "")
      throw invalid(".password", "text is wanted, or a function that gives it");
    if (value.includes("\0")) throw invalid(".password", "it holds a NUL, which no mechanism allows");
    return value;
  };
  if (typeof given === "function") return async () => check(await asked(given));
  const password = check(given);
  return () => password;
}

async function asked(source: PasswordSource): Promise<unknown> {
  try {
    return await source();
  } catch (error) {
    const message = `no password: ${error instanceof Error ? error.message : String(error)}`;
    throw new KafkaError("SASL_CREDENTIALS_FAILED", message, true, { cause: error });
  }
}

function allowed(given: boolean | undefined): boolean {
  if (given !== undefined && typeof given !== "boolean") throw invalid(".allowPlainText", "true or false is wanted");
  return given === true;
}

function checkCustom(mechanism: SaslMechanism): SaslMechanism {
  if (typeof mechanism.name === "string" && mechanism.name !== "" && typeof mechanism.authenticate === "function") {
    return mechanism;
  }
  throw invalid(".mechanism", "a mechanism of your own has a name and a method authenticate");
}

function invalid(path: string, message: string): InvalidArgumentError {
  return new InvalidArgumentError(`Kafka option sasl${path}: ${message}`);
}
