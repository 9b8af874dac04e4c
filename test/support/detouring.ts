import { tcp } from "../../src/net/tcp.ts";
import { formatAddress, type Transport } from "../../src/net/transport.ts";

/** TCP that dials ports of this machine instead of some brokers', which are named as `host:port`. */
export function detouring(ports: Readonly<Record<string, number>>): Transport {
  return {
    connect(address, handlers, signal, tls) {
      const port = ports[formatAddress(address)];
      return tcp.connect(port === undefined ? address : { host: "127.0.0.1", port }, handlers, signal, tls);
    },
  };
}
