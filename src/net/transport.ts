/** Where a broker listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What the owner of a stream is told. `close` comes once, last, with the cause where there is one. */
export interface StreamHandlers {
  data(chunk: Uint8Array): void;
  /** The queue that made `write` return false is empty again. */
  drain(): void;
  close(cause: Error | undefined): void;
}

/** One end of an open byte stream. Bytes arrive whole and in order, or the stream closes. */
export interface ByteStream {
  /** Queues bytes, which must not change afterwards. False: wait for `drain` before writing much more. */
  write(chunk: Uint8Array): boolean;
  /** Closes after what is queued has been sent. */
  end(): void;
  /** Closes at once. */
  destroy(cause?: Error): void;
  /** Whether this stream keeps the process alive. It does until told otherwise. */
  hold(active: boolean): void;
}

/** The seam to the outside: opens byte streams. It is passed in, never global. */
export interface Transport {
  /** Resolves once the stream is open; rejects with the cause, or when `signal` aborts. The name is resolved anew each time. */
  connect(address: Address, handlers: StreamHandlers, signal: AbortSignal): Promise<ByteStream>;
}

/** Something that accepts streams. `close` stops accepting and destroys the open ones. */
export interface Listener {
  readonly address: Address;
  close(): Promise<void>;
}

/** The listening side of a transport: what the in-process broker stands on. */
export interface ListeningTransport {
  /** Port 0 picks a free one. `accept` gives the handlers of each new stream. */
  listen(address: Address, accept: (stream: ByteStream) => StreamHandlers): Promise<Listener>;
}

export function formatAddress(address: Address): string {
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
