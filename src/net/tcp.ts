import { createServer, connect as netConnect, type Socket } from "node:net";
import type { ByteStream, ListeningTransport, Transport } from "./transport.ts";

const KEEP_ALIVE_MS = 30_000;

/** Byte streams over TCP, the same on Node, Deno and Bun. */
export const tcp: Transport & ListeningTransport = {
  connect(address, handlers, signal) {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const socket = netConnect({ host: address.host, port: address.port });
      let cause: Error | undefined;
      const abort = (): void => void socket.destroy(signal.reason as Error);
      signal.addEventListener("abort", abort);
      // "error" is always followed by "close"; the first close decides between a failed connect and an ended stream.
      socket.on("error", (error) => {
        cause ??= error;
      });
      const failed = (): void => {
        signal.removeEventListener("abort", abort);
        reject(cause ?? new Error("the connection was closed before it opened"));
      };
      socket.once("close", failed);
      socket.once("connect", () => {
        signal.removeEventListener("abort", abort);
        socket.removeListener("close", failed);
        resolve(open(socket, handlers, () => cause));
      });
    });
  },

  listen(address, accept) {
    return new Promise((resolve, reject) => {
      const sockets = new Set<Socket>();
      const server = createServer((socket) => {
        let cause: Error | undefined;
        socket.on("error", (error) => {
          cause ??= error;
        });
        sockets.add(socket);
        socket.once("close", () => sockets.delete(socket));
        const handlers: { current?: ReturnType<typeof accept> } = {};
        const stream = open(
          socket,
          {
            data: (chunk) => handlers.current?.data(chunk),
            drain: () => handlers.current?.drain(),
            close: (error) => handlers.current?.close(error),
          },
          () => cause,
        );
        handlers.current = accept(stream);
      });
      server.once("error", reject);
      server.listen(address.port, address.host, () => {
        const bound = server.address();
        const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
        resolve({
          address: { host: address.host, port },
          close: () =>
            new Promise((closed) => {
              server.close(() => closed());
              for (const socket of sockets) socket.destroy();
            }),
        });
      });
    });
  },
};

function open(
  socket: Socket,
  handlers: { data(chunk: Uint8Array): void; drain(): void; close(cause: Error | undefined): void },
  cause: () => Error | undefined,
): ByteStream {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  // Plain views: a Buffer's subarray and its other methods are not those of Uint8Array.
  socket.on("data", (chunk: Uint8Array) =>
    handlers.data(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)),
  );
  socket.on("drain", () => handlers.drain());
  // The other side said it is done: Kafka has no half-open streams.
  socket.once("end", () => socket.destroy());
  socket.once("close", () => handlers.close(cause()));
  return {
    write: (chunk) => !socket.destroyed && socket.write(chunk),
    end: () => {
      // The process must not exit with bytes queued; the other side's own end is not waited for.
      socket.ref();
      socket.end(() => socket.destroy());
    },
    destroy: (error) => void socket.destroy(error),
    hold: (active) => void (active ? socket.ref() : socket.unref()),
  };
}
