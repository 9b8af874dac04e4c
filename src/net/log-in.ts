import type { Api } from "../../protocol/api.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Draft } from "../../protocol/field.ts";
import { saslHandshake } from "../../protocol/messages/17-sasl-handshake.ts";
import { saslAuthenticate } from "../../protocol/messages/36-sasl-authenticate.ts";
import { AuthenticationError, KafkaError } from "./errors.ts";
import type { SaslContext, SaslMechanism } from "./sasl-mechanism.ts";

/** The connection as authentication needs it. */
export interface LoginChannel {
  readonly broker: string;
  readonly isEncrypted: boolean;
  /** Sends a request ahead of whatever else waits. */
  ask<Request, Response>(api: Api<Request, Response>, minVersion: number, body: Draft<Request>): Promise<Response>;
}

/** Version 0 carries tokens as raw bytes without a header. */
const FIRST_WITH_HEADERS = 1;

/**
 * Proves to the broker who this client is, and resolves with the milliseconds after which it has to be done again
 * (KIP-368); 0: never.
 */
export async function logIn(channel: LoginChannel, mechanism: SaslMechanism, context: SaslContext): Promise<number> {
  const { broker } = channel;
  if (mechanism.needsEncryption === true && !channel.isEncrypted) {
    const message = `SASL ${mechanism.name} would send its secret to ${broker} in the clear: set the option tls, or sasl.allowPlainText where the network can be trusted`;
    throw new AuthenticationError("ENCRYPTION_REQUIRED", message, { broker });
  }
  await chooseMechanism(channel, mechanism);
  const messages = mechanism.authenticate(context);
  let lifetime = 0;
  try {
    let step = await messages.next();
    while (!step.done) {
      const answer = await channel.ask(saslAuthenticate, 0, { authBytes: step.value });
      if (answer.errorCode !== 0) throw refused(answer, mechanism, broker);
      lifetime = answer.sessionLifetimeMs;
      step = await messages.next(answer.authBytes);
    }
    return lifetime;
  } catch (error) {
    messages.return().catch(() => {});
    if (error instanceof KafkaError) throw error;
    const message = `SASL ${mechanism.name} with ${broker} failed: ${error instanceof Error ? error.message : String(error)}`;
    throw new AuthenticationError("SASL_AUTHENTICATION_FAILED", message, { broker, cause: error });
  }
}

async function chooseMechanism({ ask, broker }: LoginChannel, { name }: SaslMechanism): Promise<void> {
  const { errorCode, mechanisms } = await ask(saslHandshake, FIRST_WITH_HEADERS, { mechanism: name });
  if (errorCode === 0) return;
  if (errorCode === ErrorCode.UNSUPPORTED_SASL_MECHANISM) {
    const message = `${broker} does not take SASL ${name}: it takes ${mechanisms.join(", ") || "none"}`;
    throw new AuthenticationError("UNSUPPORTED_SASL_MECHANISM", message, { broker });
  }
  const message = `${broker} wants no SASL here (error ${errorCode}): it may be a listener without authentication`;
  throw new AuthenticationError("ILLEGAL_SASL_STATE", message, { broker });
}

function refused(
  { errorCode, errorMessage }: { readonly errorCode: number; readonly errorMessage: string | null },
  { name }: SaslMechanism,
  broker: string,
): AuthenticationError {
  const illegal = errorCode === ErrorCode.ILLEGAL_SASL_STATE;
  const said = errorMessage || `error ${errorCode}`;
  const code = illegal ? "ILLEGAL_SASL_STATE" : "SASL_AUTHENTICATION_FAILED";
  return new AuthenticationError(code, `${broker} refused SASL ${name}: ${said}`, { broker });
}
