import { AuthenticationError, type AuthenticationErrorCode } from "./errors.ts";
import { type Address, formatAddress } from "./transport.ts";

/** What a TLS failure means, by the words that the runtimes' TLS libraries have for it. */
interface Meaning {
  readonly code: AuthenticationErrorCode;
  readonly pattern: RegExp;
  readonly advice: string;
}

const CLIENT_ALERT =
  /alert (certificate required|bad certificate|unknown ca|certificate unknown|certificate expired|unsupported certificate|access denied|handshake failure)|ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_UNKNOWN|CERTIFICATE_EXPIRED|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|HANDSHAKE_FAILURE)|(CertificateRequired|BadCertificate|UnknownCA|CertificateUnknown|HandshakeFailure|CertificateExpired)\b/i;

const MEANINGS: readonly Meaning[] = [
  // What the broker says of our certificate comes first: its words are like those we have for its own.
  {
    code: "CLIENT_CERTIFICATE_REFUSED",
    pattern: CLIENT_ALERT,
    advice:
      "the broker wants a certificate of the client that it trusts: give one by the options tls.cert and tls.key, or check what was given",
  },
  {
    code: "CERTIFICATE_EXPIRED",
    pattern: /CERT_HAS_EXPIRED|certificate has expired|CERT_NOT_YET_VALID|\bExpired\b|NotValidYet|not yet valid/i,
    advice:
      "the broker's certificate is not valid at this time: it has to be renewed, or this machine's clock is wrong",
  },
  {
    code: "CERTIFICATE_FOR_ANOTHER_HOST",
    pattern: /ERR_TLS_CERT_ALTNAME_INVALID|HOSTNAME_MISMATCH|NotValidForName|does not match certificate/i,
    advice:
      "the broker's certificate is for another host: connect by a name that it has, or say by the option tls.servername which name to expect",
  },
  {
    code: "CERTIFICATE_NOT_TRUSTED",
    pattern:
      /SELF_SIGNED_CERT|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|CERT_UNTRUSTED|CERT_SIGNATURE_FAILURE|CERT_CHAIN_TOO_LONG|INVALID_CA|UnknownIssuer|self.signed certificate|unable to get (local )?issuer|unable to verify/i,
    advice: "the broker's certificate is of an authority that is not known here: give that by the option tls.ca",
  },
  {
    code: "TLS_NOT_SPOKEN",
    pattern:
      /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|RECORD_TOO_LARGE|ENCRYPTED_LENGTH_TOO_LONG|UNEXPECTED_MESSAGE|INVALID_CONTENT|InvalidMessage|InvalidContentType|corrupt message|http.?request|wrong version number/i,
    advice: "what answers there does not speak TLS: it may be a listener for plain text",
  },
  {
    code: "TLS_FAILED",
    pattern: /^(?=.*(SSL|TLS|CERT|PEM|OSSL|asn1|x509)).*$/i,
    advice: "the two sides could not agree on TLS: check certificates, keys and versions",
  },
];

/** A failure of the network itself, which another attempt may not meet. */
const NETWORK = /^(ECONN|ENOTFOUND|EAI_|EHOST|ENET|ETIMEDOUT|EPIPE|ERR_SOCKET)/;

/**
 * The error for a TLS stream that failed: one that does not pass where certificates or the options are at fault, else
 * the one that was thrown.
 */
export function tlsFailure(address: Address, error: Error): Error {
  const code = (error as { code?: unknown }).code;
  const text = `${typeof code === "string" ? code : ""} ${error.message}`;
  if (NETWORK.test(text.trimStart())) return error;
  const meaning = MEANINGS.find(({ pattern }) => pattern.test(text));
  if (meaning === undefined) return error;
  const broker = formatAddress(address);
  const message = `no TLS with ${broker}: ${meaning.advice} (${reasonOf(error)})`;
  return new AuthenticationError(meaning.code, message, { broker, cause: error });
}

/** OpenSSL's messages are lines of its log; some runtimes give the reason alone beside them. */
function reasonOf(error: Error): string {
  const { reason } = error as { reason?: unknown };
  const text = typeof reason === "string" ? reason : error.message;
  // Deno has one word for both (2.9).
  const isVague = "Deno" in globalThis && (error as { code?: string }).code === "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
  return isVague ? `${text}: Deno says so too of one that has expired` : text;
}
