import { AuthenticationError } from "./errors.ts";
import { formatAddress, type TlsOptions, type Transport } from "./transport.ts";

/** A transport all of whose streams speak TLS. One that passes over the options opens none: nothing goes out in the clear. */
export function secureTransport(transport: Transport, tls: TlsOptions): Transport {
  return {
    async connect(address, handlers, signal) {
      const stream = await transport.connect(address, handlers, signal, tls);
      if (stream.isEncrypted === true) return stream;
      stream.destroy();
      const broker = formatAddress(address);
      const message = `the transport opened a plain stream to ${broker} where TLS was asked for: it has to heed the options and to set isEncrypted`;
      throw new AuthenticationError("ENCRYPTION_REQUIRED", message, { broker });
    },
  };
}
