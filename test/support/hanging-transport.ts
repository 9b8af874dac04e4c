import { type Address, type ByteStream, formatAddress, type Transport } from "../../src/net/transport.ts";

/** A transport whose far ends can be made to hang. */
export interface HangingTransport extends Transport {
  /**
   * From now on nothing that this address sends is heard, nor that it closes, and nothing reaches it: what a process that
   * is stopped (SIGSTOP) looks like. New streams to it open, and are silent.
   */
  hang(address: string): void;
}

export function hangingTransport(base: Transport): HangingTransport {
  const hanging = new Set<string>();
  const silent = (close: () => void): ByteStream => ({
    write: () => true,
    hold: () => {},
    end: close,
    destroy: close,
  });
  return {
    hang: (address) => void hanging.add(address),
    connect: async (address: Address, handlers, signal) => {
      const name = formatAddress(address);
      if (hanging.has(name)) return silent(() => {});
      const unlessHanging =
        <A extends unknown[]>(call: (...args: A) => void) =>
        (...args: A): void => {
          if (!hanging.has(name)) call(...args);
        };
      const stream = await base.connect(
        address,
        {
          data: unlessHanging(handlers.data),
          drain: unlessHanging(handlers.drain),
          close: unlessHanging(handlers.close),
        },
        signal,
      );
      const { write } = stream;
      stream.write = (bytes) => (hanging.has(name) ? true : write.call(stream, bytes));
      return stream;
    },
  };
}
