/** Where a broker listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What the owner of a stream is told. `close` comes once, last, with the cause where there is one. */
export interface StreamHandlers {
  /** Bytes that came. Their memory is the stream's: what is kept of them has to be copied during the call. */
  data(chunk: Uint8Array): void;
  /** The queue that made `write` return false is empty again. */
  drain(): void;
  close(cause: Error | undefined): void;
}

/** One end of an open byte stream. Bytes arrive whole and in order, or the stream closes. */
export interface ByteStream {
  /**
   * Queues bytes. They stay as they are until the other side has answered them or the stream has closed, not for longer.
   * False: wait for `drain` before writing much more. */
  write(chunk: Uint8Array): boolean;
  /** Closes after what is queued has been sent. */
  end(): void;
  /** Closes at once. */
  destroy(cause?: Error): void;
  /** Whether this stream keeps the process alive. It does until told otherwise. */
  hold(active: boolean): void;
  /** Whether what passes is encrypted, and the other side is who it was to be. */
  readonly isEncrypted?: boolean | undefined;
}

/** How to speak TLS to a broker. Certificates and keys are PEM, as text or bytes. */
export interface TlsOptions {
  /** Whose certificates are believed, in place of the authorities that the runtime knows. */
  readonly ca?: Pem | readonly Pem[] | undefined;
  /** The certificate by which the broker knows this client (mTLS), with those between it and its authority. */
  readonly cert?: Pem | undefined;
  /** The key of `cert`. */
  readonly key?: Pem | undefined;
  /** What `key` is encrypted with. */
  readonly passphrase?: string | undefined;
  /** The name that the broker's certificate must have. Default: the host that is connected to. */
  readonly servername?: string | undefined;
  /**
   * False: whoever answers is believed to be the broker, and what is sent can be read by anyone between. Default true.
   */
  readonly rejectUnauthorized?: boolean | undefined;
}

export type Pem = string | Uint8Array;

/** How to speak TLS to clients. */
export interface ListenTlsOptions {
  /** The broker's certificate, with those between it and its authority, as PEM. */
  readonly cert: Pem;
  readonly key: Pem;
  /** Whose certificates clients may have. Default: the authorities that the runtime knows. */
  readonly ca?: Pem | readonly Pem[] | undefined;
  /** True: a client without a certificate of `ca` is refused (mTLS). Default false. */
  readonly requestCert?: boolean | undefined;
}

/** The seam to the outside: opens byte streams. It is passed in, never global. */
export interface Transport {
  /**
   * Resolves once the stream is open; rejects with the cause, or when `signal` aborts. The name is resolved anew each
   * time. With `tls` the stream is open once the broker has proved who it is, and says so by `isEncrypted`.
   */
  connect(
    address: Address,
    handlers: StreamHandlers,
    signal: AbortSignal,
    tls?: TlsOptions | undefined,
  ): Promise<ByteStream>;
}

/** Something that accepts streams. `close` stops accepting and destroys the open ones. */
export interface Listener {
  readonly address: Address;
  close(): Promise<void>;
}

/** The listening side of a transport: what the in-process broker stands on. */
export interface ListeningTransport {
  /** Port 0 picks a free one. `accept` gives the handlers of each new stream. */
  listen(
    address: Address,
    accept: (stream: ByteStream) => StreamHandlers,
    tls?: ListenTlsOptions | undefined,
  ): Promise<Listener>;
}

export function formatAddress(address: Address): string {
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
