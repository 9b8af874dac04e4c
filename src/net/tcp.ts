import { createServer, isIP, connect as netConnect, type Server, type Socket } from "node:net";
import {
  checkServerIdentity,
  createServer as createTlsServer,
  type PeerCertificate,
  type TLSSocket,
  connect as tlsConnect,
} from "node:tls";
import { KafkaError } from "./errors.ts";
import { tlsFailure } from "./tls-failure.ts";
import type {
  Address,
  ByteStream,
  ListeningTransport,
  ListenTlsOptions,
  Pem,
  StreamHandlers,
  TlsOptions,
  Transport,
} from "./transport.ts";

const KEEP_ALIVE_MS = 30_000;
/** As much as is read from a socket at once. */
const READ_BYTES = 256 * 1024;

/** Byte streams over TCP, plain or with TLS, the same on Node, Deno and Bun. */
export const tcp: Transport & ListeningTransport = {
  connect(address, handlers, signal, tls) {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const explain = (error: Error): Error => (tls === undefined ? error : tlsFailure(address, error));
      let socket: Socket;
      try {
        socket = dial(address, handlers, tls);
      } catch (error) {
        // A key or a certificate that cannot be read.
        return reject(explain(error as Error));
      }
      let cause: Error | undefined;
      const abort = (): void => {
        cause ??= signal.reason as Error;
        socket.destroy();
      };
      signal.addEventListener("abort", abort);
      // "error" is always followed by "close"; the first close decides between a failed connect and an ended stream.
      socket.on("error", (error) => {
        cause ??= explain(error);
      });
      let isReached = false;
      socket.once("connect", () => {
        isReached = true;
      });
      const failed = (): void => {
        signal.removeEventListener("abort", abort);
        const error = cause ?? new Error("the connection was closed before it opened");
        const isHandshake = tls !== undefined && isReached && !signal.aborted && !(error instanceof KafkaError);
        reject(isHandshake ? interrupted(error) : error);
      };
      socket.once("close", failed);
      socket.once(tls === undefined ? "connect" : "secureConnect", () => {
        if (tls !== undefined && tls.rejectUnauthorized !== false && !(socket as TLSSocket).authorized) {
          return void socket.destroy(asError((socket as TLSSocket).authorizationError));
        }
        signal.removeEventListener("abort", abort);
        socket.removeListener("close", failed);
        resolve(open(socket, handlers, () => cause));
      });
    });
  },

  listen(address, accept, tls) {
    return new Promise((resolve, reject) => {
      const sockets = new Set<Socket>();
      const server = serve(tls, (socket) => accepted(socket, accept));
      // Before TLS is agreed on, too, so that closing waits for nobody's handshake.
      server.on("connection", (socket: Socket) => {
        socket.on("error", () => {});
        sockets.add(socket);
        socket.once("close", () => sockets.delete(socket));
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

function dial(address: Address, handlers: StreamHandlers, tls: TlsOptions | undefined): Socket {
  const { host, port } = address;
  if (tls === undefined) {
    // Read into the same memory again and again: a buffer for each chunk would be as much garbage as all that comes.
    const callback = (length: number, { buffer, byteOffset }: Uint8Array): boolean => {
      handlers.data(new Uint8Array(buffer, byteOffset, length));
      return true;
    };
    return netConnect({ host, port, onread: { buffer: new Uint8Array(READ_BYTES), callback } });
  }
  const servername = tls.servername ?? host;
  // An address is no name to ask for (RFC 6066), yet the certificate is held against it.
  const expected =
    isIP(servername) === 0
      ? { servername }
      : { checkServerIdentity: (_: string, cert: PeerCertificate) => checkServerIdentity(servername, cert) };
  return tlsConnect({
    ...{ host, port, ...expected },
    ...(tls.ca === undefined ? {} : { ca: pem(tls.ca) }),
    ...(tls.cert === undefined ? {} : { cert: pem(tls.cert) }),
    ...(tls.key === undefined ? {} : { key: pem(tls.key) }),
    ...(tls.passphrase === undefined ? {} : { passphrase: tls.passphrase }),
    rejectUnauthorized: tls.rejectUnauthorized !== false,
  });
}

function serve(tls: ListenTlsOptions | undefined, take: (socket: Socket) => void): Server {
  if (tls === undefined) return createServer(take);
  const { cert, key, ca, requestCert = false } = tls;
  const parts = { cert: pem(cert), key: pem(key), ...(ca === undefined ? {} : { ca: pem(ca) }) };
  return createTlsServer({ ...parts, requestCert, rejectUnauthorized: requestCert }, take);
}

/** Text: the form that all runtimes take. */
function pem(given: Pem | readonly Pem[]): string[] {
  const list = typeof given === "string" || given instanceof Uint8Array ? [given] : given;
  return list.map((one) => (typeof one === "string" ? one : new TextDecoder().decode(one)));
}

/** Kafka's listeners for plain text close a connection that begins with TLS, without a word. */
function interrupted(cause: Error): Error {
  return new Error(`${cause.message} (the broker may have been stopped, or this be its listener for plain text)`, {
    cause,
  });
}

function asError(reason: unknown): Error {
  if (reason instanceof Error) return reason;
  return Object.assign(new Error(`the certificate is not accepted: ${String(reason)}`), { code: String(reason) });
}

function accepted(socket: Socket, accept: (stream: ByteStream) => StreamHandlers): void {
  let cause: Error | undefined;
  socket.on("error", (error) => {
    cause ??= error;
  });
  const handlers: { current?: StreamHandlers } = {};
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
}

function open(socket: Socket, handlers: StreamHandlers, cause: () => Error | undefined): ByteStream {
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
  let isCorked = false;
  return {
    write: (chunk) => {
      // The parts of a frame, and the frames of a moment, leave together.
      if (!isCorked) {
        isCorked = true;
        socket.cork();
        queueMicrotask(() => {
          isCorked = false;
          socket.uncork();
        });
      }
      return !socket.destroyed && socket.write(chunk);
    },
    end: () => {
      // The process must not exit with bytes queued; the other side's own end is not waited for.
      socket.ref();
      socket.end(() => socket.destroy());
    },
    destroy: (error) => void socket.destroy(error),
    hold: (active) => void (active ? socket.ref() : socket.unref()),
    isEncrypted: (socket as Partial<TLSSocket>).encrypted === true,
  };
}
