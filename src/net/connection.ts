import type { Api } from "../../protocol/api.ts";
import type { Draft } from "../../protocol/field.ts";
import { decodeResponse, encodeRequestParts, type FrameParts, FrameSplitter } from "../../protocol/frame.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import type { Clock, Timer } from "./clock.ts";
import type { ConnectionObserver } from "./connection-observer.ts";
import { AuthenticationError, ConnectionError, KafkaError, TimeoutError } from "./errors.ts";
import { type LoginChannel, logIn } from "./log-in.ts";
import { type AnyApi, NegotiatedVersions, readApiVersions } from "./negotiation.ts";
import { type LineState, RequestLine } from "./request-line.ts";
import type { SaslMechanism } from "./sasl-mechanism.ts";
import { type Address, type ByteStream, formatAddress, type Transport } from "./transport.ts";
import { VERSION } from "./version.ts";

export interface ConnectionOptions {
  readonly address: Address;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly clientId: string;
  /** Milliseconds for opening the stream, agreeing on versions and authentication. */
  readonly connectTimeout: number;
  /** Milliseconds for one answer, where a request says nothing else. */
  readonly requestTimeout: number;
  /** The largest response frame believed, in bytes. */
  readonly maxFrameBytes: number;
  /** How to authenticate. Default: not at all. */
  readonly sasl?: SaslMechanism | undefined;
  /** Is told what happens. Default: nobody is. */
  readonly observer?: ConnectionObserver | undefined;
  /** Gives up opening when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

export interface RequestOptions {
  /** Milliseconds until the answer is given up. */
  readonly timeout?: number | undefined;
  /** The highest version to use. */
  readonly maxVersion?: number | undefined;
  /** The expected size of the body, in bytes. */
  readonly bodySize?: number | undefined;
  /** How long (ms) the broker may hold the answer back. Infinity: for other clients. Default: for its replicas. */
  readonly poll?: number | undefined;
}

/** When to authenticate again, in shares of the session's time; at random, so that connections do not do so together. */
const REAUTHENTICATE_FROM = 0.85;
const REAUTHENTICATE_UNTIL = 0.95;
const LAST_CORRELATION_ID = 0x7fff_ffff;
/** No answer to ApiVersions comes near this size: a frame that claims more is another protocol's text. */
const HANDSHAKE_FRAME_BYTES = 1024 * 1024;
/** How long (ms) what was sent without wanting an answer may take to leave this machine once the connection is closed. */
const FLUSH_GRACE = 5_000;

/**
 * One connection to one broker: requests are pipelined, and answers come back in the order of the requests.
 *
 * It is open, or it is closed for good with a first cause, which every request gets that was or will be sent on it.
 */
export class Connection {
  readonly broker: string;
  readonly #options: ConnectionOptions;
  readonly #line: RequestLine;
  #splitter: FrameSplitter;
  #stream: ByteStream | undefined;
  #versions: NegotiatedVersions | undefined;
  #correlationId = 0;
  #hasSentOneWay = false;
  /** Whether the broker has answered anything that only those who may use it can ask. */
  #isWelcome = false;
  #reauthentication: Timer | undefined;
  #cause: KafkaError | undefined;
  readonly #whenClosed = new Set<(cause: KafkaError) => void>();

  private constructor(options: ConnectionOptions) {
    this.#options = options;
    this.broker = formatAddress(options.address);
    this.#splitter = new FrameSplitter(Math.min(HANDSHAKE_FRAME_BYTES, options.maxFrameBytes));
    this.#line = new RequestLine({
      broker: this.broker,
      clock: options.clock,
      observer: options.observer,
      write: (frame) => {
        for (const part of frame) this.#stream?.write(part);
      },
      hold: (active) => this.#stream?.hold(active),
      silent: () => options.observer?.silent(),
      giveUp: (error) => void this.#close(error),
    });
  }

  /** Opens a stream, agrees on versions and authenticates, or rejects with the reason why that cannot be. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(options);
    const { broker } = connection;
    const { connectTimeout, signal } = options;
    const stop = (): void => {
      connection.#close(new ConnectionError(`connecting to ${broker} was given up`, { broker }));
    };
    signal?.addEventListener("abort", stop);
    try {
      if (signal?.aborted) stop();
      await connection.#within(`no connection to ${broker} within ${connectTimeout} ms`, async (given) => {
        await connection.#connect(given);
        await connection.#negotiate(apiVersions.maxVersion);
        if (options.sasl !== undefined) await connection.#logIn(options.sasl, given);
        connection.#splitter = new FrameSplitter(options.maxFrameBytes);
      });
      return connection;
    } catch (error) {
      throw connection.#close(asKafkaError(error, broker));
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /**
   * Does `work` within the connect timeout, or closes. Its signal aborts when the connection closes: what it waits for
   * may be late in heeding that, and whoever waits for this connection must not be.
   */
  async #within(late: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { clock, connectTimeout } = this.#options;
    const { broker } = this;
    const abort = new AbortController();
    const timer = clock.timer(connectTimeout, () => {
      this.#close(new TimeoutError("CONNECT_TIMED_OUT", late, { broker }));
    });
    let forget!: () => void;
    const closed = new Promise<never>((_, reject) => {
      forget = this.onClose((cause) => {
        abort.abort(cause);
        reject(cause);
      });
    });
    try {
      await Promise.race([closed, work(abort.signal)]);
    } finally {
      timer.cancel();
      forget();
    }
  }

  async #connect(signal: AbortSignal): Promise<void> {
    if (this.#cause !== undefined) throw this.#cause;
    const handlers = {
      data: (chunk: Uint8Array): void => this.#receive(chunk),
      drain: (): void => {},
      close: (cause: Error | undefined): void => this.#ended(cause),
    };
    const stream = await this.#options.transport.connect(this.#options.address, handlers, signal);
    if (this.#cause !== undefined) {
      stream.destroy();
      throw this.#cause;
    }
    this.#stream = stream;
  }

  #ended(cause: Error | undefined): void {
    const { broker } = this;
    // A transport that knows better than that it ended.
    if (cause instanceof KafkaError) return void this.#close(cause);
    const why = cause === undefined ? "the broker closed the connection" : reasonOf(cause);
    this.#close(new ConnectionError(`connection to ${broker} ended: ${why}${this.#hint()}`, { broker, cause }));
  }

  /** What brokers do not say: they close a connection that should have begun otherwise. */
  #hint(): string {
    const isEncrypted = this.#stream?.isEncrypted === true;
    if (this.#versions === undefined) {
      const wants = isEncrypted ? "it may want a client certificate that it trusts" : "it may want TLS or SASL";
      return ` before it had named its API versions: ${wants}, or may not be Kafka`;
    }
    if (this.#isWelcome || this.#options.sasl !== undefined) return "";
    return " at the first request: it may want SASL, by the option sasl";
  }

  async #negotiate(version: number): Promise<void> {
    const body = { clientSoftwareName: "ottla", clientSoftwareVersion: VERSION };
    const request = version >= 3 ? body : {};
    const frame = await this.#exchange(apiVersions, version, request, this.#options.connectTimeout, 64);
    const answer = readApiVersions(version, frame);
    if ("retryWith" in answer) return this.#negotiate(answer.retryWith);
    const { errorCode } = answer.response;
    if (errorCode !== 0) {
      throw new ConnectionError(`${this.broker} refused to name its API versions (error ${errorCode})`, {
        broker: this.broker,
      });
    }
    this.#versions = new NegotiatedVersions(answer.response, this.broker);
  }

  async #logIn(mechanism: SaslMechanism, signal: AbortSignal): Promise<void> {
    const { address, clock, connectTimeout } = this.#options;
    const channel: LoginChannel = {
      broker: this.broker,
      isEncrypted: this.#stream!.isEncrypted === true,
      ask: async (api, minVersion, body) => {
        const version = this.#versions!.require({ ...api, minVersion });
        return decodeResponse(api, version, await this.#exchange(api, version, body, connectTimeout, 256, true));
      },
    };
    const { host, port } = address;
    const lifetime = await logIn(channel, mechanism, { host, port, clock, signal });
    if (lifetime <= 0) return;
    const share = REAUTHENTICATE_FROM + clock.random() * (REAUTHENTICATE_UNTIL - REAUTHENTICATE_FROM);
    this.#reauthentication = clock.timer(lifetime * share, () => void this.#logInAgain(mechanism), { idle: true });
  }

  /**
   * Authenticates anew before the session ends (KIP-368). Nothing may come between the handshake and the last token, so
   * other requests wait; those already sent are answered first.
   */
  async #logInAgain(mechanism: SaslMechanism): Promise<void> {
    if (this.#cause !== undefined) return;
    const { broker } = this;
    const { connectTimeout } = this.#options;
    const release = this.#line.holdBack();
    try {
      await this.#line.answered();
      const late = `authenticating again with ${broker} took longer than ${connectTimeout} ms`;
      await this.#within(late, (signal) => this.#logIn(mechanism, signal));
      release();
    } catch (error) {
      this.#close(asKafkaError(error, broker));
    }
  }

  /** Why it is closed; undefined while it is open. */
  get cause(): KafkaError | undefined {
    return this.#cause;
  }
  get inFlight(): number {
    return this.#line.length;
  }
  /** What the broker owes, and when it was last heard. */
  get line(): LineState {
    return this.#line;
  }

  /** Calls `listener` once this is closed, or now where it is; returns its remover. */
  onClose(listener: (cause: KafkaError) => void): () => void {
    if (this.#cause !== undefined) listener(this.#cause);
    else this.#whenClosed.add(listener);
    return () => void this.#whenClosed.delete(listener);
  }

  /** The version that a request of `api` would have here. Throws where there is none. */
  versionOf(api: AnyApi, maxVersion?: number): number {
    return this.#versions!.require(api, maxVersion);
  }

  /** Whether the broker speaks any version of `api` that we do. */
  supports(api: AnyApi, maxVersion?: number): boolean {
    return this.#versions?.find(api, maxVersion) !== undefined;
  }

  /** The level at which the cluster has switched a feature on, as this broker knows it; 0: it has not. */
  feature(name: string): number {
    return this.#versions?.feature(name) ?? 0;
  }

  /** Sends a request, and resolves with the answer's body. */
  async send<Request, Response>(
    api: Api<Request, Response>,
    body: Draft<Request>,
    options: RequestOptions = {},
  ): Promise<Response> {
    const version = this.versionOf(api, options.maxVersion);
    const timeout = options.timeout ?? this.#options.requestTimeout;
    const frame = await this.#exchange(api, version, body, timeout, options.bodySize, false, options.poll);
    this.#isWelcome = true;
    try {
      const response = decodeResponse(api, version, frame);
      this.#heedThrottle(api.name, (response as { readonly throttleTimeMs?: number }).throttleTimeMs);
      return response;
    } catch (error) {
      // What follows on the stream may be as wrong as this: nothing more is believed.
      throw this.#close(asKafkaError(error, this.broker));
    }
  }

  /**
   * A client over its quota sends nothing for as long as its answer says (KIP-219): the broker would not look at it
   * sooner, and requests that wait here do not hold up others there.
   */
  #heedThrottle(api: string, ms: number | undefined): void {
    if (ms === undefined || ms <= 0) return;
    this.#options.observer?.throttled(api, ms);
    this.#options.clock.timer(ms, this.#line.holdBack(), { idle: true });
  }

  /** Sends a request that has no answer: Produce with acks=0. */
  sendOneWay<Request, Response>(api: Api<Request, Response>, body: Draft<Request>, options: RequestOptions = {}): void {
    if (this.#cause !== undefined) throw this.#cause;
    const version = this.versionOf(api, options.maxVersion);
    this.#hasSentOneWay = true;
    this.#line.sendOneWay(this.#encode(api, version, this.#nextId(), body, options.bodySize));
  }

  #exchange<Request, Response>(
    api: Api<Request, Response>,
    version: number,
    body: Draft<Request>,
    timeout: number,
    bodySize: number | undefined,
    urgent = false,
    poll?: number,
  ): Promise<Uint8Array> {
    if (this.#cause !== undefined) return Promise.reject(this.#cause);
    const correlationId = this.#nextId();
    const frame = this.#encode(api, version, correlationId, body, bodySize);
    return this.#line.exchange({ correlationId, name: api.name, version, frame, poll }, timeout, urgent);
  }

  #encode<Request, Response>(
    api: Api<Request, Response>,
    version: number,
    correlationId: number,
    body: Draft<Request>,
    bodySize: number | undefined,
  ): FrameParts {
    try {
      return encodeRequestParts(api, version, correlationId, this.#options.clientId, body, bodySize);
    } catch (error) {
      const { broker } = this;
      const message = `cannot write a ${api.name} request of version ${version} for ${broker}: ${reasonOf(error)}`;
      throw new KafkaError("ENCODE_FAILED", message, false, { broker, cause: error });
    }
  }

  #nextId(): number {
    const id = this.#correlationId;
    this.#correlationId = id === LAST_CORRELATION_ID ? 0 : id + 1;
    return id;
  }

  #receive(chunk: Uint8Array): void {
    if (this.#cause !== undefined) return;
    this.#line.heard();
    try {
      if (this.#versions === undefined && isTlsAlert(chunk)) throw wantsTls(this.broker);
      for (const frame of this.#splitter.push(chunk)) if (this.#cause === undefined) this.#line.take(frame);
    } catch (error) {
      this.#close(asKafkaError(error, this.broker));
    }
  }

  /** Takes the broker for gone: what is unanswered rejects. */
  giveUp(why: string): void {
    const { broker } = this;
    this.#close(new ConnectionError(`connection to ${broker} was given up: ${why}`, { broker }));
  }

  /** Closes; what is unanswered rejects, and what wants no answer still goes out. */
  close(): void {
    const { broker } = this;
    const stream = this.#stream;
    const lingers = stream !== undefined && this.#hasSentOneWay && this.#line.length === 0;
    if (lingers && this.#cause === undefined) {
      stream.end();
      this.#options.clock.timer(FLUSH_GRACE, () => stream.destroy(), { idle: true });
      this.#stream = undefined;
    }
    this.#close(new ConnectionError(`connection to ${broker} was closed`, { broker }));
  }

  #close(cause: KafkaError): KafkaError {
    if (this.#cause !== undefined) return this.#cause;
    this.#cause = cause;
    this.#reauthentication?.cancel();
    this.#stream?.destroy();
    this.#line.end(cause);
    for (const listener of this.#whenClosed) listener(cause);
    this.#whenClosed.clear();
    return cause;
  }
}

function asKafkaError(error: unknown, broker: string): KafkaError {
  if (error instanceof KafkaError) return error;
  return new ConnectionError(`cannot talk to ${broker}: ${reasonOf(error)}`, { broker, cause: error });
}

/** An error's own words. One for several addresses of a name has none on some runtimes, but holds those of each. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.message === "") return error.errors.map(reasonOf).join(", ");
  return error.message || (error as { code?: string }).code || error.name;
}

/** A TLS record of an alert: what a TLS server says to somebody who speaks something else. */
function isTlsAlert(chunk: Uint8Array): boolean {
  return chunk[0] === 0x15 && chunk[1] === 0x03;
}

function wantsTls(broker: string): AuthenticationError {
  const message = `${broker} speaks TLS, and this client was not told to: set the option tls`;
  return new AuthenticationError("TLS_REQUIRED", message, { broker });
}
