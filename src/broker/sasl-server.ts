import {
  MIN_ITERATIONS,
  type ScramCredential,
  type ScramDigest,
  ScramError,
  type ScramHash,
  scramCredential,
  scramServer,
} from "../../protocol/scram.ts";
import type { Clock } from "../net/clock.ts";

/** Who a token was given to. */
export interface TokenOwner {
  readonly principal: string;
  /** When the token ends, in milliseconds since 1970: clients have to authenticate again by then. Default: never. */
  readonly expiresAt?: number | undefined;
}

export type SaslMechanismName = "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512" | "OAUTHBEARER";

/** Who may use the broker. */
export interface BrokerSaslOptions {
  /** Passwords by user name, for PLAIN and SCRAM. */
  readonly users?: Readonly<Record<string, string>> | undefined;
  /** Who a token belongs to; undefined or a rejection refuses it. For OAUTHBEARER. */
  readonly token?:
    | ((
        token: string,
        extensions: Readonly<Record<string, string>>,
      ) => TokenOwner | undefined | Promise<TokenOwner | undefined>)
    | undefined;
  /** What is offered. Default: PLAIN and SCRAM where there are users, OAUTHBEARER where there is `token`. */
  readonly mechanisms?: readonly SaslMechanismName[] | undefined;
  /** SCRAM's cryptography, for simulations. Default: WebCrypto. */
  readonly digest?: ScramDigest | undefined;
}

/** A client that is not let in. `message` is what it is told. */
export class SaslRefused extends Error {
  override readonly name = "SaslRefused";
}

/** Who the client is, and what it is told last. */
export interface SaslOutcome extends TokenOwner {
  readonly bytes: Uint8Array;
}

/** One authentication, after the client's first message: yields challenges and is given their answers. */
export type SaslSession = AsyncGenerator<Uint8Array, SaslOutcome, Uint8Array>;

/** The broker's side of all mechanisms. One for each cluster. */
export class SaslServer {
  readonly mechanisms: readonly SaslMechanismName[];
  readonly #options: BrokerSaslOptions;
  readonly #clock: Clock;
  readonly #digest: ScramDigest;
  /** By mechanism and user: made at the first use, since that takes its time. */
  readonly #credentials = new Map<string, Promise<ScramCredential>>();

  constructor(options: BrokerSaslOptions, clock: Clock, digest: ScramDigest) {
    this.#options = options;
    this.#clock = clock;
    this.#digest = digest;
    this.mechanisms = options.mechanisms ?? [
      ...(options.users === undefined ? [] : (["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const)),
      ...(options.token === undefined ? [] : (["OAUTHBEARER"] as const)),
    ];
  }

  find(name: string): SaslMechanismName | undefined {
    return this.mechanisms.find((mechanism) => mechanism === name);
  }

  begin(mechanism: SaslMechanismName, first: Uint8Array): SaslSession {
    if (mechanism === "PLAIN") return this.#plain(first);
    if (mechanism === "OAUTHBEARER") return this.#oauthBearer(first);
    return this.#scram(mechanism === "SCRAM-SHA-256" ? "SHA-256" : "SHA-512", first);
  }

  // biome-ignore lint/correctness/useYield: it has no challenge.
  async *#plain(first: Uint8Array): SaslSession {
    const [authorizationId, username, password, ...rest] = new TextDecoder().decode(first).split("\0");
    const known = this.#password(username ?? "");
    const isOther = authorizationId !== "" && authorizationId !== username;
    if (known === undefined || known !== password || isOther || rest.length > 0) {
      throw new SaslRefused("Authentication failed: Invalid username or password");
    }
    return { principal: username!, bytes: new Uint8Array() };
  }

  async *#scram(hash: ScramHash, first: Uint8Array): SaslSession {
    const nonce = this.#clock.uuid().replaceAll("-", "");
    const credential = (username: string): Promise<ScramCredential> | undefined => this.#credential(hash, username);
    try {
      const { username, message } = yield* scramServer({ hash, digest: this.#digest, nonce, credential }, first);
      return { principal: username, bytes: message };
    } catch (error) {
      if (!(error instanceof ScramError)) throw error;
      // No word of whether it is the name or the password.
      const message = `Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-${hash}`;
      throw new SaslRefused(message, { cause: error });
    }
  }

  #password(username: string): string | undefined {
    const users = this.#options.users ?? {};
    return Object.hasOwn(users, username) ? users[username] : undefined;
  }

  #credential(hash: ScramHash, username: string): Promise<ScramCredential> | undefined {
    const password = this.#password(username);
    if (password === undefined) return undefined;
    const key = `${hash} ${username}`;
    let credential = this.#credentials.get(key);
    if (credential === undefined) {
      const salt = new TextEncoder().encode(this.#clock.uuid());
      credential = scramCredential(hash, this.#digest, password, salt, MIN_ITERATIONS);
      this.#credentials.set(key, credential);
    }
    return credential;
  }

  async *#oauthBearer(first: Uint8Array): SaslSession {
    const { token, extensions } = readBearer(new TextDecoder().decode(first));
    try {
      const owner = await this.#options.token?.(token, extensions);
      if (owner !== undefined) return { ...owner, bytes: new Uint8Array() };
    } catch {
      // A token that cannot be checked is as good as none.
    }
    yield new TextEncoder().encode('{"status":"invalid_token"}');
    throw new SaslRefused('{"status":"invalid_token"}');
  }
}

/** `n,,^Aauth=Bearer TOKEN^Aname=value^A^A` (RFC 7628). */
function readBearer(text: string): { readonly token: string; readonly extensions: Record<string, string> } {
  const [header, ...pairs] = text.split("\u0001");
  const ends = pairs.splice(-2);
  const fields = Object.fromEntries(pairs.map((pair) => [pair.split("=", 1)[0]!, pair.slice(pair.indexOf("=") + 1)]));
  const { auth, ...extensions } = fields;
  const [, token] = /^Bearer +([-_.a-zA-Z0-9]+)$/i.exec(auth ?? "") ?? [];
  if (header === undefined || !/^n,(a=[^,]*)?,$/.test(header) || token === undefined || ends.join("") !== "") {
    const why = "invalid credentials with SASL mechanism OAUTHBEARER";
    throw new SaslRefused(`Authentication failed during authentication due to ${why}`);
  }
  return { token, extensions };
}
