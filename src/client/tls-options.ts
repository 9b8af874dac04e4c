import type { Pem, TlsOptions } from "../net/transport.ts";
import { InvalidArgumentError } from "./errors.ts";

const KNOWN = new Set(["ca", "cert", "key", "passphrase", "servername", "rejectUnauthorized"]);

/** Checks what was given as the option `tls`. Errors name the option that is wrong, and never show what was given. */
export function checkTlsOptions(given: true | TlsOptions): TlsOptions {
  if (given === true) return {};
  if (typeof given !== "object" || given === null)
    throw new InvalidArgumentError("Kafka option tls: true or an object is wanted");
  for (const name of Object.keys(given)) {
    if (!KNOWN.has(name))
      throw new InvalidArgumentError(`unknown Kafka option tls.${name}: there are ${[...KNOWN].join(", ")}`);
  }
  const { ca, cert, key, passphrase, servername, rejectUnauthorized } = given;
  checkPem("ca", ca);
  checkPem("cert", cert);
  checkPem("key", key);
  if ((cert === undefined) !== (key === undefined)) {
    throw new InvalidArgumentError("Kafka options tls.cert and tls.key belong together: one of them is missing");
  }
  for (const [name, value] of Object.entries({ passphrase, servername })) {
    if (value !== undefined && typeof value !== "string")
      throw new InvalidArgumentError(`Kafka option tls.${name} has to be text`);
  }
  // Anything else than a plain false must not turn it off: a missing variable is no decision.
  if (rejectUnauthorized !== undefined && typeof rejectUnauthorized !== "boolean") {
    throw new InvalidArgumentError("Kafka option tls.rejectUnauthorized has to be true or false");
  }
  return { ...given };
}

function checkPem(name: "ca" | "cert" | "key", given: Pem | readonly Pem[] | undefined): void {
  if (given === undefined) return;
  const list = Array.isArray(given) && name === "ca" ? given : [given];
  for (const one of list) {
    const text = one instanceof Uint8Array ? new TextDecoder().decode(one) : one;
    if (typeof text !== "string")
      throw new InvalidArgumentError(`Kafka option tls.${name} has to be PEM, as text or bytes`);
    if (!text.includes("-----BEGIN ")) {
      throw new InvalidArgumentError(
        `Kafka option tls.${name} is not PEM: the file's content is wanted, which has a line that starts with -----BEGIN`,
      );
    }
  }
}
