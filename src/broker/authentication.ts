import { ErrorCode } from "../../protocol/errors.ts";
import type { Draft } from "../../protocol/field.ts";
import { type SaslHandshakeResponse, saslHandshake } from "../../protocol/messages/17-sasl-handshake.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { type SaslAuthenticateResponse, saslAuthenticate } from "../../protocol/messages/36-sasl-authenticate.ts";
import type { Clock } from "../net/clock.ts";
import {
  type SaslMechanismName,
  type SaslOutcome,
  SaslRefused,
  type SaslServer,
  type SaslSession,
} from "./sasl-server.ts";

/** Sooner than this (ms) after the last time a connection cannot authenticate again, as with Kafka. */
const MIN_INTERVAL = 1_000;

/** How far one connection is with proving who it is (KIP-152, KIP-368). */
export class Authentication {
  readonly #server: SaslServer;
  readonly #clock: Clock;
  /** Milliseconds until a client has to authenticate again; 0: never. */
  readonly #reauthenticate: number;
  #state: "new" | "chosen" | "under way" | "done" | "failed" = "new";
  #mechanism: SaslMechanismName | undefined;
  /** The mechanism that was chosen again is not the first one. */
  #isOther = false;
  #session: SaslSession | undefined;
  #principal: string | undefined;
  #doneAt = 0;
  #expiresAt = Number.POSITIVE_INFINITY;

  constructor(server: SaslServer, clock: Clock, reauthenticate: number) {
    this.#server = server;
    this.#clock = clock;
    this.#reauthenticate = reauthenticate;
  }

  /** It was refused: the connection ends with the answer. */
  get hasFailed(): boolean {
    return this.#state === "failed";
  }

  /** Why a request of this API ends the connection; undefined where it may be served. */
  refusal(apiKey: number): string | undefined {
    const isHandshake = apiKey === saslHandshake.key;
    switch (this.#state) {
      case "new":
        return isHandshake || apiKey === apiVersions.key ? undefined : `API ${apiKey} came before authentication`;
      case "done": {
        const isExpired = this.#clock.monotonic() > this.#expiresAt;
        return isExpired && !isHandshake
          ? "the session has expired, and the client did not authenticate again"
          : undefined;
      }
      case "failed":
        return "authentication has failed";
      default:
        return apiKey === saslAuthenticate.key ? undefined : `API ${apiKey} came during authentication`;
    }
  }

  /** Answers SaslHandshake. */
  choose(name: string): Draft<SaslHandshakeResponse> {
    const { mechanisms } = this.#server;
    const isAgain = this.#state === "done";
    if (isAgain && this.#clock.monotonic() - this.#doneAt < MIN_INTERVAL)
      return { errorCode: ErrorCode.ILLEGAL_SASL_STATE };
    const mechanism = this.#server.find(name);
    if (mechanism === undefined) {
      this.#state = "failed";
      return { errorCode: ErrorCode.UNSUPPORTED_SASL_MECHANISM, mechanisms };
    }
    // A mechanism that is another than the first is refused with the first token, as Kafka does.
    if (!isAgain) this.#mechanism = mechanism;
    this.#isOther = mechanism !== this.#mechanism;
    this.#state = "chosen";
    return { errorCode: 0, mechanisms };
  }

  /** Answers SaslAuthenticate. */
  async proceed(token: Uint8Array): Promise<Draft<SaslAuthenticateResponse>> {
    if (this.#state === "new" || this.#state === "done") return { errorCode: ErrorCode.ILLEGAL_SASL_STATE };
    try {
      const step = await this.#step(token);
      if (!step.done) return { errorCode: 0, authBytes: step.value };
      return { errorCode: 0, authBytes: step.value.bytes, sessionLifetimeMs: this.#welcome(step.value) };
    } catch (error) {
      if (!(error instanceof SaslRefused)) throw error;
      this.#state = "failed";
      return { errorCode: ErrorCode.SASL_AUTHENTICATION_FAILED, errorMessage: error.message };
    }
  }

  #step(token: Uint8Array): Promise<IteratorResult<Uint8Array, SaslOutcome>> {
    if (this.#isOther) {
      const message = `another SASL mechanism is not supported for re-authentication of mechanism '${this.#mechanism}'`;
      return Promise.reject(new SaslRefused(message));
    }
    if (this.#state === "under way") return this.#session!.next(token);
    this.#state = "under way";
    this.#session = this.#server.begin(this.#mechanism!, token);
    return this.#session.next();
  }

  /** Lets the client in, and gives the milliseconds until it has to prove itself again; 0: never. */
  #welcome({ principal, expiresAt }: SaslOutcome): number {
    if (this.#principal !== undefined && this.#principal !== principal) {
      const message = `Cannot change principals during re-authentication from User.${this.#principal}: User.${principal}`;
      throw new SaslRefused(message);
    }
    this.#principal = principal;
    this.#state = "done";
    this.#doneAt = this.#clock.monotonic();
    const limits = [
      ...(this.#reauthenticate > 0 ? [this.#reauthenticate] : []),
      ...(expiresAt === undefined ? [] : [Math.max(0, expiresAt - this.#clock.now())]),
    ];
    const lifetime = limits.length === 0 ? 0 : Math.floor(Math.min(...limits));
    this.#expiresAt = limits.length === 0 ? Number.POSITIVE_INFINITY : this.#doneAt + lifetime;
    return lifetime;
  }
}
