import type { SaslMechanism } from "./sasl-mechanism.ts";
import type { PasswordSource } from "./scram-mechanism.ts";

/** PLAIN (RFC 4616): the password goes to the broker as it is. */
export function plainMechanism(username: string, password: PasswordSource, allowPlainText: boolean): SaslMechanism {
  return {
    name: "PLAIN",
    needsEncryption: !allowPlainText,
    async *authenticate() {
      yield new TextEncoder().encode(`\0${username}\0${await password()}`);
    },
  };
}
