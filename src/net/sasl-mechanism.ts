import type { Clock } from "./clock.ts";

/** What a mechanism is told when it begins. */
export interface SaslContext {
  /** The broker that is talked to, as it was connected to. */
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  /** Aborts when the connection is given up. */
  readonly signal: AbortSignal;
}

/** A way to prove to a broker who this client is (RFC 4422). */
export interface SaslMechanism {
  /** As brokers call it, such as "PLAIN". */
  readonly name: string;
  /** True: its messages hold the secret itself, and are only sent where the stream is encrypted. Default false. */
  readonly needsEncryption?: boolean | undefined;
  /**
   * Goes through one authentication: yields each message for the broker and is given the broker's answer to it. It
   * returns when it has nothing more to say and accepts the broker's last answer, and throws where it does not.
   */
  authenticate(context: SaslContext): AsyncGenerator<Uint8Array, void, Uint8Array>;
}
