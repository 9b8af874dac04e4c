import assert from "node:assert/strict";
import { test } from "node:test";
import { AuthenticationError } from "../../src/net/errors.ts";
import { tcp } from "../../src/net/tcp.ts";
import type { Address, ByteStream, Listener, ListenTlsOptions, TlsOptions } from "../../src/net/transport.ts";
import { certificate, clientTls, mutualTls, pemOf, serverTls } from "../support/tls-fixtures.ts";

interface Cleanup {
  after(fn: () => Promise<void>): void;
}

/** A server that sends back what it gets. */
async function echo(t: Cleanup, tls: ListenTlsOptions | undefined): Promise<Address> {
  const accept = (stream: ByteStream) => ({ data: (chunk: Uint8Array) => stream.write(chunk), drain() {}, close() {} });
  const listener: Listener = await tcp.listen({ host: "127.0.0.1", port: 0 }, accept, tls);
  t.after(() => listener.close());
  return listener.address;
}

/** Connects, sends a byte, and resolves with the stream once it is back, or rejects with why it is not. */
function exchange(address: Address, tls: TlsOptions | undefined): Promise<boolean | undefined> {
  return new Promise((resolve, reject) => {
    let stream: ByteStream | undefined;
    const handlers = {
      data: () => {
        resolve(stream!.isEncrypted);
        stream!.destroy();
      },
      drain() {},
      close: (cause: Error | undefined) => reject(cause ?? new Error("closed")),
    };
    tcp.connect(address, handlers, new AbortController().signal, tls).then((opened) => {
      stream = opened;
      opened.write(new Uint8Array([1]));
    }, reject);
  });
}

async function failure(address: Address, tls: TlsOptions | undefined): Promise<AuthenticationError> {
  try {
    await exchange(address, tls);
  } catch (error) {
    assert.ok(error instanceof AuthenticationError, String(error));
    assert.equal(error.retriable, false);
    assert.equal(error.broker, `${address.host}:${address.port}`);
    assert.doesNotMatch(error.message, /\n/);
    return error;
  }
  throw new assert.AssertionError({ message: "it did not fail" });
}

test("bytes pass over TLS, by name and by address, with PEM as text or bytes", async (t) => {
  const { port } = await echo(t, serverTls());
  assert.equal(await exchange({ host: "localhost", port }, clientTls()), true);
  assert.equal(await exchange({ host: "127.0.0.1", port }, clientTls()), true);
  const bytes = new TextEncoder().encode(pemOf("ca"));
  assert.equal(await exchange({ host: "127.0.0.1", port }, { ca: [pemOf("other-ca"), bytes] }), true);
});

test("a plain stream says that it is not encrypted", async (t) => {
  assert.equal(await exchange(await echo(t, undefined), undefined), false);
});

test("a certificate of an authority that is not known is refused, with and without others that are", async (t) => {
  const address = await echo(t, serverTls());
  for (const tls of [{}, { ca: pemOf("other-ca") }]) {
    const error = await failure(address, tls);
    assert.equal(error.code, "CERTIFICATE_NOT_TRUSTED");
    assert.match(error.message, /option tls\.ca/);
  }
  const stranger = await echo(t, serverTls("stranger"));
  assert.equal((await failure(stranger, clientTls())).code, "CERTIFICATE_NOT_TRUSTED");
});

test("an expired certificate is refused", async (t) => {
  const error = await failure(await echo(t, serverTls("expired")), clientTls());
  // Deno does not tell it from one of an unknown authority, and the message says so.
  assert.match(error.code, "Deno" in globalThis ? /CERTIFICATE_NOT_TRUSTED/ : /CERTIFICATE_EXPIRED/);
  assert.match(error.message, /expired/);
});

test("a certificate for another host is refused, by name and by address", async (t) => {
  const { port } = await echo(t, serverTls("other-host"));
  for (const host of ["localhost", "127.0.0.1"]) {
    const error = await failure({ host, port }, clientTls());
    assert.equal(error.code, "CERTIFICATE_FOR_ANOTHER_HOST");
    assert.match(error.message, /tls\.servername/);
  }
});

test("servername is the name or address that the certificate must have", async (t) => {
  const other = await echo(t, serverTls("other-host"));
  assert.equal(await exchange(other, clientTls({ servername: "broker.example" })), true);
  assert.equal(await exchange(other, clientTls({ servername: "192.0.2.1" })), true);
  const address = await echo(t, serverTls());
  for (const servername of ["broker.example", "192.0.2.1"]) {
    assert.equal((await failure(address, clientTls({ servername }))).code, "CERTIFICATE_FOR_ANOTHER_HOST");
  }
});

test("only rejectUnauthorized: false lets a certificate pass that is not accepted", async (t) => {
  for (const name of ["stranger", "expired", "other-host"] as const) {
    const address = await echo(t, serverTls(name));
    assert.equal(await exchange(address, { rejectUnauthorized: false }), true);
    await failure(address, { rejectUnauthorized: undefined });
    await failure(address, { rejectUnauthorized: 0 as never });
  }
});

test("a server that wants a client's certificate is given it, and says so where there is none", async (t) => {
  const address = await echo(t, mutualTls());
  assert.equal(await exchange(address, clientTls(certificate("client"))), true);
  const error = await failure(address, clientTls());
  assert.equal(error.code, "CLIENT_CERTIFICATE_REFUSED");
  assert.match(error.message, /tls\.cert and tls\.key/);
  await assert.rejects(exchange(address, clientTls(certificate("stranger"))));
});

test("a key that is not the certificate's is refused before anything is sent", async (t) => {
  const address = await echo(t, mutualTls());
  const tls = clientTls({ cert: certificate("client").cert, key: certificate("server").key });
  assert.equal((await failure(address, tls)).code, "TLS_FAILED");
});

test("a server that answers in plain text is told from one that speaks TLS", async (t) => {
  const greeting = new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n");
  const accept = (stream: ByteStream) => ({ data: () => stream.write(greeting), drain() {}, close() {} });
  const listener = await tcp.listen({ host: "127.0.0.1", port: 0 }, accept);
  t.after(() => listener.close());
  const error = await failure(listener.address, clientTls());
  assert.equal(error.code, "TLS_NOT_SPOKEN");
  assert.match(error.message, /plain text/);
});

test("a server that closes at the handshake may be one for plain text, or may pass", async (t) => {
  const accept = (stream: ByteStream) => ({ data: () => stream.destroy(), drain() {}, close() {} });
  const listener = await tcp.listen({ host: "127.0.0.1", port: 0 }, accept);
  t.after(() => listener.close());
  await assert.rejects(exchange(listener.address, clientTls()), (error: Error) => {
    assert.ok(!(error instanceof AuthenticationError));
    assert.match(error.message, /listener for plain text/);
    return true;
  });
});

test("a failure of the network is no failure of TLS", async (t) => {
  const listener = await tcp.listen({ host: "127.0.0.1", port: 0 }, () => ({ data() {}, drain() {}, close() {} }));
  await listener.close();
  await assert.rejects(exchange(listener.address, clientTls()), { code: "ECONNREFUSED" });
  await assert.rejects(exchange({ host: "no-such-host.invalid", port: 1 }, clientTls()), /no-such-host\.invalid/);
  const { port } = await echo(t, serverTls());
  const reason = new Error("no time");
  const idle = { data() {}, drain() {}, close() {} };
  const abort = new AbortController();
  const connecting = tcp.connect({ host: "127.0.0.1", port }, idle, abort.signal, clientTls());
  abort.abort(reason);
  await assert.rejects(connecting, reason);
});

test("a listener closes with clients that never began TLS", async () => {
  const listener = await tcp.listen(
    { host: "127.0.0.1", port: 0 },
    () => ({ data() {}, drain() {}, close() {} }),
    serverTls(),
  );
  const closed = new Promise<void>((resolve) => {
    const handlers = { data() {}, drain() {}, close: () => resolve() };
    void tcp.connect(listener.address, handlers, new AbortController().signal).then(() => listener.close());
  });
  await closed;
});
