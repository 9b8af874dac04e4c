import { type ScramDigest, ScramError, type ScramHash, scramClient } from "../../protocol/scram.ts";
import { AuthenticationError } from "./errors.ts";
import type { SaslMechanism } from "./sasl-mechanism.ts";

/** The password now: asked for at each authentication, so that it can change. */
export type PasswordSource = () => string | Promise<string>;

interface Salted {
  readonly key: string;
  readonly value: Promise<Uint8Array>;
}

/** Brokers of one cluster share salt and iterations: one is remembered, and the one before it while a user is changed. */
const REMEMBERED = 2;

/** SCRAM-SHA-256 or SCRAM-SHA-512 (RFC 5802, RFC 7677). The password itself never goes out, and the broker has to know it. */
export function scramMechanism(
  hash: ScramHash,
  username: string,
  password: PasswordSource,
  digest: ScramDigest,
): SaslMechanism {
  let remembered: Salted[] = [];
  // The work is made to be slow, so all connections share it.
  const salt = (text: string, salt: Uint8Array, iterations: number): Promise<Uint8Array> => {
    const key = `${iterations} ${salt.join()} ${text}`;
    const known = remembered.find((one) => one.key === key);
    if (known !== undefined) return known.value;
    const value = Promise.resolve(digest.pbkdf2(hash, new TextEncoder().encode(text), salt, iterations));
    remembered = [{ key, value }, ...remembered].slice(0, REMEMBERED);
    value.catch(() => {
      remembered = remembered.filter((one) => one.value !== value);
    });
    return value;
  };
  return {
    name: `SCRAM-${hash}`,
    async *authenticate({ host, port, clock }) {
      const text = await password();
      const nonce = `${clock.uuid()}${clock.uuid()}`.replaceAll("-", "");
      const salted = (bytes: Uint8Array, iterations: number): Promise<Uint8Array> => salt(text, bytes, iterations);
      try {
        yield* scramClient({ hash, digest, username, nonce, salted });
      } catch (error) {
        if (!(error instanceof ScramError)) throw error;
        const broker = `${host}:${port}`;
        throw new AuthenticationError("SASL_AUTHENTICATION_FAILED", `SCRAM with ${broker}: ${error.message}`, {
          broker,
          cause: error,
        });
      }
    },
  };
}
